#pragma once

#include <cstddef>
#include <span>

#include "attach/memory/memory_reader.h"

namespace pyleak::testing_support {

/// Counts system calls: each Read and each ReadAll of a ProcessMemory is one.
class CountedMemory : public attach::MemoryReader {
 public:
  explicit CountedMemory(const attach::MemoryReader& memory) : memory_(memory) {}

  std::size_t Read(RemoteAddress from, std::span<std::byte> into) const override {
    ++calls;
    return memory_.Read(from, into);
  }
  [[nodiscard]] bool ReadAll(std::span<const Request> requests) const override {
    calls += requests.empty() ? 0 : 1;
    return memory_.ReadAll(requests);
  }

  mutable int calls = 0;

 private:
  const attach::MemoryReader& memory_;
};

}  // namespace pyleak::testing_support
