#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include "attach/base/remote_address.h"

namespace pyleak::attach {

/// The seam between code that interprets a process and the process: live memory, a copied stack, or a test's fake.
/// Whatever comes back is the target's and so untrusted.
class MemoryReader {
 public:
  virtual ~MemoryReader() = default;

  /// Copies from `from` on until `into` is full or the memory ends; the number of bytes copied.
  virtual std::size_t Read(RemoteAddress from, std::span<std::byte> into) const = 0;

  struct Request {
    RemoteAddress from;
    std::span<std::byte> into;
  };
  /// Fills every request, in as few system calls as possible; false if any could not be filled whole.
  [[nodiscard]] virtual bool ReadAll(std::span<const Request> requests) const {
    for (const Request& request : requests) {
      if (Read(request.from, request.into) != request.into.size()) return false;
    }
    return true;
  }

  /// A T as it lies in the target's memory.
  template <typename T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] std::optional<T> ReadValue(RemoteAddress from) const {
    T value;
    if (Read(from, std::as_writable_bytes(std::span(&value, 1))) != sizeof(T)) return std::nullopt;
    return value;
  }

  /// The text up to its terminating zero; cut at `limit_bytes`, and where the memory ends.
  [[nodiscard]] std::string ReadString(RemoteAddress from, std::size_t limit_bytes) const {
    std::string text(limit_bytes, '\0');
    text.resize(Read(from, std::as_writable_bytes(std::span(text))));
    text.resize(::strnlen(text.data(), text.size()));
    return text;
  }
};

}  // namespace pyleak::attach
