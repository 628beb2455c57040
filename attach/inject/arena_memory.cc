#include "attach/inject/arena_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace pyleak::attach {
namespace {

/// How many more regions than there are processes are provided at any moment, as far as there can be more.
constexpr std::uint32_t kSpareRegions = 16;

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

}  // namespace

Result<ArenaMemory> ArenaMemory::Make(const UniqueFd& file, std::uint32_t most_regions,
                                      std::chrono::nanoseconds threshold, bool follow_children) {
  const std::uint32_t region_count = std::min(most_regions, kSpareRegions);
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
  const std::uint32_t count = arena_.region_count();
  if (IsFull() || FreeRegions(arena_) >= kSpareRegions) return;
  const std::uint32_t more = std::min(count + kSpareRegions, most_regions_);
  if (Provide(file, more)) arena_.Grow(more);
}

}  // namespace pyleak::attach
