#include "symbolize/python/text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "symbolize/python/load.h"

namespace pyleak::symbolize::python {
namespace {

void AppendUtf8(std::string& text, std::uint32_t character) {
  constexpr std::uint32_t kReplacement = 0xfffd;
  if ((character >= 0xd800 && character <= 0xdfff) || character > 0x10ffff) character = kReplacement;
  const auto append = [&text](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (character < 0x80) return append(character);
  if (character < 0x800) {
    append(0xc0U | character >> 6U);
  } else if (character < 0x10000) {
    append(0xe0U | character >> 12U);
    append(0x80U | (character >> 6U & 0x3fU));
  } else {
    append(0xf0U | character >> 18U);
    append(0x80U | (character >> 12U & 0x3fU));
    append(0x80U | (character >> 6U & 0x3fU));
  }
  append(0x80U | (character & 0x3fU));
}

/// `state` from `kind` on. Before that lies `interned`, at most 3, of 2, 8 or 16 bits, as the version and the build
/// have it (Include/cpython/unicodeobject.h). `kind` is never 0, which tells where it begins.
std::uint32_t FromKindOn(std::uint32_t state) {
  if ((state & 0xfcU) != 0) return state >> 2U;
  return (state & 0xff00U) != 0 ? state >> 8U : state >> 16U;
}

}  // namespace

std::size_t TextHeaderBytes(const Layout& layout) { return layout.text.compact_size + sizeof(std::uint64_t); }

std::optional<TextLocation> LocateText(const Layout& layout, RemoteAddress address, std::span<const std::byte> header,
                                       std::size_t limit_characters) {
  if (header.size() < TextHeaderBytes(layout)) return std::nullopt;
  const auto length = Load<std::int64_t>(header, layout.text.length);
  const std::uint32_t state = FromKindOn(Load<std::uint32_t>(header, layout.text.state));
  const std::size_t kind = state & 7U;
  const bool compact = (state & 8U) != 0;
  const bool ascii = (state & 16U) != 0;
  if (length < 0 || (kind != 1 && kind != 2 && kind != 4)) return std::nullopt;
  TextLocation text;
  text.character_bytes = kind;
  text.size_bytes = std::min(static_cast<std::size_t>(length), limit_characters) * kind;
  if (compact) {
    text.begin = address + (ascii ? layout.text.ascii_size : layout.text.compact_size);
  } else {
    // An instance of a subclass of str: its characters lie elsewhere (PyUnicodeObject.data).
    text.begin = RemoteAddress(Load<std::uint64_t>(header, layout.text.compact_size));
  }
  return text;
}

std::string ToUtf8(std::span<const std::byte> characters, std::size_t character_bytes) {
  std::string text;
  text.reserve(characters.size());
  for (std::size_t at = 0; at + character_bytes <= characters.size(); at += character_bytes) {
    std::uint32_t character = 0;
    std::memcpy(&character, characters.data() + at, character_bytes);  // Little-endian, as the target is.
    AppendUtf8(text, character);
  }
  return text;
}

}  // namespace pyleak::symbolize::python
