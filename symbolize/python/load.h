#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "attach/base/remote_address.h"

namespace pyleak::symbolize::python {

/// The T at `offset`; `from` must reach beyond it.
template <typename T>
T Load(std::span<const std::byte> from, std::uint64_t offset) {
  T value;
  std::memcpy(&value, from.data() + offset, sizeof(T));
  return value;
}

inline RemoteAddress LoadAddress(std::span<const std::byte> from, std::uint64_t offset) {
  return RemoteAddress(Load<std::uint64_t>(from, offset));
}

}  // namespace pyleak::symbolize::python
