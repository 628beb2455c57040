#include "attach/inject/arena_memory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "attach/base/file.h"
#include "attach/proc/living_thread.h"

namespace pyleak::attach {
namespace {

/// How many more regions than there are processes are provided at any moment, as far as there can be more; half a MiB
/// each. In the beginning a program is waited for, and there is only its own.
constexpr std::uint32_t kSpareRegions = 16;
constexpr std::uint32_t kFirstRegions = 1;

/// Has the file system set the memory of that many regions aside.
Result<void> Provide(const UniqueFd& file, std::uint32_t region_count) {
  int error = EINTR;
  while (error == EINTR) error = ::posix_fallocate(file.get(), 0, static_cast<off_t>(PYLEAK_ARENA_BYTES(region_count)));
  if (error != 0) return ErrnoError("providing memory for the heartbeat", error);
  return {};
}

std::uint32_t FreeRegions(const Arena& arena) {
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < arena.region_count(); ++i) count += arena.region(i).live() ? 0 : 1;
  return count;
}

/// Under vm.memfd_noexec every memfd has this seal from the start (Linux 6.3, include/uapi/linux/fcntl.h).
constexpr int kSealExec = 0x20;

/// A file that lies in memory, is empty, and has no name by which anybody could find it.
bool IsEmptyMemory(const UniqueFd& location) {
  struct stat status {};
  struct statfs system {};
  return ::fstat(location.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 0 &&
         status.st_size == 0 && ::fstatfs(location.get(), &system) == 0 && system.f_type == TMPFS_MAGIC;
}

}  // namespace

Result<UniqueFd> OpenArenaFile(const ProcessIdentity& process, int descriptor) {
  const std::string path = SharedProcPath(process.pid(), "fd/" + std::to_string(descriptor));
  const auto location = OpenFile(path, O_PATH);
  if (!location) return location.error();
  const std::string same = "/proc/self/fd/" + std::to_string(location->get());
  const auto name = ReadLink(same);
  const Error not_its_own{ErrorCode::kCorrupt, "the agent's memory is not its own"};
  if (!name || !name->starts_with("/memfd:pyleak") || !IsEmptyMemory(*location)) return not_its_own;
  auto file = OpenFile(same, O_RDWR);
  if (!file) return std::move(file).error();
  // Only of a memfd that was made to be sealed, and has not been, this is 0.
  const int seals = ::fcntl(file->get(), F_GET_SEALS);
  if (seals < 0 || (seals & ~kSealExec) != 0) return not_its_own;
  return file;
}

Result<void> ArenaMemory::Seal(const UniqueFd& file) {
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return ErrnoError("sealing");
  return {};
}

Result<ArenaMemory> ArenaMemory::Make(const UniqueFd& file, std::uint32_t most_regions,
                                      std::chrono::nanoseconds threshold, bool follow_children) {
  const std::uint32_t region_count = std::min(most_regions, kFirstRegions);
  if (::ftruncate(file.get(), static_cast<off_t>(PYLEAK_ARENA_BYTES(most_regions))) != 0)
    return ErrnoError("ftruncate");
  if (auto provided = Provide(file, region_count); !provided) return std::move(provided).error();
  auto memory = SharedMemory::Map(file, PYLEAK_ARENA_BYTES(most_regions));
  if (!memory) return std::move(memory).error();
  auto arena = Arena::Make(memory->bytes(), region_count, threshold, follow_children);
  if (!arena) return std::move(arena).error();
  return ArenaMemory(*std::move(memory), *arena, most_regions);
}

void ArenaMemory::KeepRoom(const UniqueFd& file) {
  const std::uint32_t free = FreeRegions(arena_);
  if (IsFull() || free >= kSpareRegions) return;
  const std::uint32_t more = std::min(arena_.region_count() + kSpareRegions - free, most_regions_);
  if (Provide(file, more)) arena_.Grow(more);
}

}  // namespace pyleak::attach
