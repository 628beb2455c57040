#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "attach/base/remote_address.h"
#include "symbolize/python/layout.h"

namespace pyleak::symbolize::python {

/// Where the characters of a Python string lie, and how wide they are.
struct TextLocation {
  RemoteAddress begin;
  std::size_t size_bytes = 0;
  std::size_t character_bytes = 1;  ///< 1 (ASCII or Latin-1), 2 or 4: PEP 393.
};

/// How many bytes of a string object LocateText wants.
std::size_t TextHeaderBytes(const Layout& layout);

/// From the beginning of the string object at `address`. Nothing if that cannot be a string. No more characters than
/// `limit_characters`: the rest is cut off.
std::optional<TextLocation> LocateText(const Layout& layout, RemoteAddress address, std::span<const std::byte> header,
                                       std::size_t limit_characters);

/// Always valid UTF-8: a lone surrogate (file names that are not UTF-8 have them) becomes U+FFFD.
std::string ToUtf8(std::span<const std::byte> characters, std::size_t character_bytes);

}  // namespace pyleak::symbolize::python
