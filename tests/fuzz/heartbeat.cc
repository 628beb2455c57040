/// The shared memory, written by a target that means ill: words of its choice at places of its choice, before each of
/// four looks.
#include "attach/heartbeat/heartbeat.h"

#include <sys/mman.h>

#include <map>

#include "attach/heartbeat/detector.h"
#include "attach/heartbeat/loop_finder.h"
#include "attach/heartbeat/region_claims.h"
#include "tests/fuzz/input.h"

namespace {

using namespace pyleak;
using std::chrono::milliseconds;

constexpr std::uint32_t kRegions = 2;
/// The header, and the pages of the first slots of each region: what is further back is more of the same.
constexpr std::uint64_t kSpread = 3 * PYLEAK_PAGE;

/// Zeroed; kept from input to input, for its pages cost more than all the rest.
std::span<std::byte> Memory() {
  static std::byte* const memory = static_cast<std::byte*>(
      ::mmap(nullptr, PYLEAK_ARENA_BYTES(kRegions), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ::madvise(memory, PYLEAK_ARENA_BYTES(kRegions), MADV_DONTNEED);
  return {memory, PYLEAK_ARENA_BYTES(kRegions)};
}

/// A byte that says how many words; each two bytes of place and eight of value.
void Overwrite(fuzz::Input& input, std::span<std::byte> memory) {
  for (int words = input.Number<std::uint8_t>(); words > 0 && !input.done(); --words) {
    const auto place = input.Number<std::uint16_t>();
    const auto value = input.Number<std::uint64_t>();
    const std::uint64_t region = place >> 15U;
    const std::uint64_t offset = (place & 0x7fffU) * 4 % kSpread;
    std::memcpy(memory.data() + region * PYLEAK_REGION_BYTES + offset, &value, sizeof value);
  }
}

class Watch {
 public:
  explicit Watch(milliseconds threshold) : options_{threshold, milliseconds(50)} {}

  void Look(const attach::Heartbeat& heartbeat, attach::HeartbeatTime now) {
    const auto readings = heartbeat.Read();
    const auto roles = attach::FindLoops(readings);
    fuzz::Check(roles.size() == readings.size());
    for (const attach::SlotReading& reading : readings) {
      auto& loop = loops_.try_emplace(reading.slot, Loop{attach::Detector(options_), 0}).first->second;
      const auto drained = heartbeat.Drain(reading.slot, loop.tail);
      fuzz::Check(drained.iterations.size() <= PYLEAK_RING_LENGTH);
      const auto decision = loop.detector.Look(reading, drained.iterations, now);
      for (const attach::Iteration& iteration : decision.finished) {
        fuzz::Check(iteration.end - iteration.begin >= options_.threshold && iteration.end <= now);
      }
      (void)heartbeat.IsInIteration(reading.slot, reading.iteration);
      (void)attach::WaitName(reading.wait);
    }
  }

 private:
  struct Loop {
    attach::Detector detector;
    std::uint64_t tail;
  };
  attach::DetectorOptions options_;
  std::map<std::uint32_t, Loop> loops_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto memory = Memory();
  const milliseconds threshold(1 + input.Number<std::uint8_t>());
  auto arena = attach::Arena::Make(memory, kRegions, threshold, true);
  fuzz::Check(arena.ok());
  Watch watch(threshold);
  attach::RegionClaims claims;
  attach::HeartbeatTime now = std::chrono::seconds(1000);
  for (int look = 0; look < 4; ++look) {
    Overwrite(input, memory);
    now += milliseconds(input.Number<std::uint8_t>());
    fuzz::Check(arena->region_count() <= kRegions);
    fuzz::Check(claims.TakeNew(*arena).size() <= kRegions);
    for (std::uint32_t i = 0; i < kRegions; ++i) watch.Look(arena->region(i), now);
  }
  (void)attach::Arena::Over(memory);
  arena->region(0).Free();
  return 0;
}
