#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/memory/memory_reader.h"
#include "symbolize/python/working_set.h"

namespace pyleak::symbolize::python {

/// The copies that a reader of objects looks at. What is not there yet is noted and read with all else that was missed,
/// in one system call; then the reader starts again. So it can be written as if everything were there, and costs as
/// many system calls as there are pointers between the first object and the last.
class ObjectMemory {
 public:
  ObjectMemory(const attach::MemoryReader& memory, WorkingSet& set) : memory_(memory), set_(set) {}

  /// The copy of [from, from + least_bytes), if that is not nothing. Empty: not there, or not there yet. `guess_bytes`:
  /// how much is worth reading at once, if it does not reach into another page.
  std::span<const std::byte> View(RemoteAddress from, std::size_t least_bytes, std::size_t guess_bytes = 0);

  /// What there is of [from, from + most_bytes) in the page of `from`: of something whose end is not known.
  std::span<const std::byte> ViewSome(RemoteAddress from, std::size_t most_bytes);

  /// How often something was not there yet. A reader that left this as it was has seen all it wanted.
  [[nodiscard]] std::size_t misses() const { return misses_; }

  /// Reads what was missed; false if that was nothing, or all that one walk may read has been read.
  bool Fetch();

 private:
  const attach::MemoryReader& memory_;
  WorkingSet& set_;
  std::vector<AddressRange> missed_;                          ///< In the order in which they were wanted.
  std::unordered_map<RemoteAddress, std::size_t> missed_at_;  ///< Index in missed_.
  std::unordered_set<RemoteAddress> unreadable_;
  std::size_t misses_ = 0;
  /// What is read while the thread is held: about a fifth of a microsecond each.
  std::size_t pieces_left_ = 2000;
  int rounds_ = 0;
};

}  // namespace pyleak::symbolize::python
