#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"
#include "attach/heartbeat/heartbeat.h"
#include "attach/memory/shared_memory.h"
#include "attach/proc/process_identity.h"

namespace pyleak::attach {

/// Processes that one watch can watch at once.
constexpr std::uint32_t kMostRegions = 64;

/// The memory file that an agent has just made, by its descriptor in the target; for reading and writing. Another
/// thread of the target can put anything else under that number at any moment, a file of somebody else's or a device:
/// nothing is opened, even for a moment, but an empty memfd without a name that can be sealed. kCorrupt: it is none.
Result<UniqueFd> OpenArenaFile(const ProcessIdentity& process, int descriptor);

/// An arena in a file that the processes of a watch map as well. Every page that they may write has been provided by
/// us before they can: so it is our memory cgroup that pays for it, and no target meets a limit of its own (SIGXFSZ, an
/// out-of-memory kill) or one of the file system (SIGBUS) by writing its heartbeat.
class ArenaMemory {
 public:
  /// Over an empty file, open for reading and writing. `most_regions`: how many there can ever be.
  static Result<ArenaMemory> Make(const UniqueFd& file, std::uint32_t most_regions, std::chrono::nanoseconds threshold,
                                  bool follow_children);

  /// Nobody can change the file's size from now on; for a memory file that allows seals.
  static Result<void> Seal(const UniqueFd& file);

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
