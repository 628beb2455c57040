#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace pyleak {

/// An address in the target. Not a pointer: it cannot be dereferenced here, only handed to a MemoryReader.
class RemoteAddress {
 public:
  constexpr RemoteAddress() = default;
  constexpr explicit RemoteAddress(std::uint64_t value) : value_(value) {}

  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  [[nodiscard]] constexpr bool is_null() const { return value_ == 0; }
  constexpr auto operator<=>(const RemoteAddress&) const = default;

  /// Wraps round like the target's own arithmetic.
  constexpr RemoteAddress operator+(std::uint64_t bytes) const { return RemoteAddress(value_ + bytes); }
  constexpr RemoteAddress operator-(std::uint64_t bytes) const { return RemoteAddress(value_ - bytes); }
  constexpr std::uint64_t operator-(RemoteAddress other) const { return value_ - other.value_; }

 private:
  std::uint64_t value_ = 0;
};

/// [begin, end) in the target.
struct AddressRange {
  RemoteAddress begin;
  RemoteAddress end;

  [[nodiscard]] constexpr std::uint64_t size_bytes() const { return end - begin; }
  [[nodiscard]] constexpr bool Contains(RemoteAddress address) const { return begin <= address && address < end; }
  constexpr bool operator==(const AddressRange&) const = default;
};

}  // namespace pyleak

template <>
struct std::hash<pyleak::RemoteAddress> {
  std::size_t operator()(pyleak::RemoteAddress address) const noexcept {
    return std::hash<std::uint64_t>{}(address.value());
  }
};
