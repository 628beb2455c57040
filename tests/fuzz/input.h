#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace pyleak::fuzz {

/// Ends the harness, which the fuzzer takes for a crash.
inline void Check(bool holds) {
  if (!holds) __builtin_trap();
}

/// Takes values off the front of what the fuzzer made up; where that has ended, everything is zero or empty.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(std::as_bytes(std::span(data, size))) {}

  [[nodiscard]] bool done() const { return rest_.empty(); }
  [[nodiscard]] std::span<const std::byte> rest() const { return rest_; }

  std::span<const std::byte> Bytes(std::size_t size) {
    const auto taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

  template <typename T>
  T Number() {
    T number{};
    const auto bytes = Bytes(sizeof number);
    std::memcpy(&number, bytes.data(), bytes.size());
    return number;
  }

  /// Up to 255 bytes, after a byte that says how many.
  std::string Text() { return TextOf(Bytes(Number<std::uint8_t>())); }

  static std::string TextOf(std::span<const std::byte> bytes) {
    std::string text(bytes.size(), '\0');
    std::memcpy(text.data(), bytes.data(), bytes.size());
    return text;
  }

 private:
  std::span<const std::byte> rest_;
};

}  // namespace pyleak::fuzz
