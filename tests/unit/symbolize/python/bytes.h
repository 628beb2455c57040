#pragma once

#include <cstddef>
#include <initializer_list>
#include <vector>

namespace pyleak::symbolize::python {

inline std::vector<std::byte> Bytes(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

}  // namespace pyleak::symbolize::python
