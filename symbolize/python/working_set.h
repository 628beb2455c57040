#pragma once

#include <cstddef>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/memory/memory_reader.h"

namespace pyleak::symbolize::python {

/// Copies of the places of the target's memory that one walk over its structures touches. A thread that is looked at
/// again mostly has its frames where they were: so the next walk begins by copying all of them afresh in one system
/// call, and asks the target again only for what is new. Every value seen belongs to the present walk.
class WorkingSet {
 public:
  /// Begins a walk: copies again what the walk before this one touched. What it did not touch is forgotten.
  void Refresh(const attach::MemoryReader& memory);

  /// Sees to it that there are copies of all `ranges`; those that are missing are read in one system call. False if any
  /// cannot be had: unmapped, or more than a walk may hold.
  bool Fetch(const attach::MemoryReader& memory, std::span<const AddressRange> ranges);

  /// The copy of [from, from + size_bytes), empty if there is none. Valid until Refresh() or Fetch().
  std::span<const std::byte> View(RemoteAddress from, std::size_t size_bytes);

  template <typename T>
  requires std::is_trivially_copyable_v<T> std::optional<T> Value(const attach::MemoryReader& memory,
                                                                  RemoteAddress from) {
    const AddressRange range{from, from + sizeof(T)};
    if (!Fetch(memory, std::span(&range, 1))) return std::nullopt;
    T value;
    std::memcpy(&value, View(from, sizeof(T)).data(), sizeof(T));
    return value;
  }

 private:
  struct Copy {
    std::vector<std::byte> bytes;
    bool touched = true;
  };

  void Forget(RemoteAddress begin);

  std::map<RemoteAddress, Copy> copies_;
  std::size_t size_bytes_ = 0;
};

}  // namespace pyleak::symbolize::python
