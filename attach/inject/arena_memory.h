#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"
#include "attach/heartbeat/heartbeat.h"
#include "attach/memory/shared_memory.h"

namespace pyleak::attach {

/// Processes that one watch can watch at once.
constexpr std::uint32_t kMostRegions = 64;

/// An arena in a file that the processes of a watch map as well. Every page that they may write has been provided by
/// us before they can: so it is our memory cgroup that pays for it, and no target meets a limit of its own (SIGXFSZ, an
/// out-of-memory kill) or one of the file system (SIGBUS) by writing its heartbeat.
class ArenaMemory {
 public:
  /// Over an empty file, open for reading and writing. `most_regions`: how many there can ever be.
  static Result<ArenaMemory> Make(const UniqueFd& file, std::uint32_t most_regions, std::chrono::nanoseconds threshold,
                                  bool follow_children);

  [[nodiscard]] Arena& arena() { return arena_; }
  [[nodiscard]] const Arena& arena() const { return arena_; }

  /// Provides more regions when few are free. To be called as often as the heartbeat is looked at, with the same file.
  void KeepRoom(const UniqueFd& file);
  [[nodiscard]] bool IsFull() const { return arena_.region_count() >= most_regions_; }

 private:
  ArenaMemory(SharedMemory memory, Arena arena, std::uint32_t most_regions)
      : memory_(std::move(memory)), arena_(arena), most_regions_(most_regions) {}

  SharedMemory memory_;
  Arena arena_;
  std::uint32_t most_regions_;
};

}  // namespace pyleak::attach
