#include "attach/heartbeat/heartbeat.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace pyleak::attach {
namespace {

/// The memory is shared with the target: every access is atomic, and nothing read twice is taken to be the same.
template <typename T>
T Load(const T& field) {
  return __atomic_load_n(&field, __ATOMIC_ACQUIRE);
}

template <typename T>
void Store(T& field, T value) {
  __atomic_store_n(&field, value, __ATOMIC_RELEASE);
}

/// Later than any truthful one: 36 years after the system has started, and far enough from the end of what the type
/// holds that sums and multiples of such times do not overflow.
constexpr std::uint64_t kLatestTime = INT64_MAX / 8;

/// Far in the future rather than negative, whatever the target writes.
HeartbeatTime AsTime(std::uint64_t nanoseconds) {
  return HeartbeatTime(static_cast<std::int64_t>(std::min(nanoseconds, kLatestTime)));
}

/// A slot changes twice an iteration; one that changes in each of these looks is spinning.
constexpr int kMostLooks = 4;

/// Regions for which there is room behind the header. `memory` holds at least that.
std::uint32_t CapacityOf(std::span<const std::byte> memory) {
  return static_cast<std::uint32_t>((memory.size() - PYLEAK_PAGE) / PYLEAK_REGION_BYTES);
}

}  // namespace

std::string WaitName(std::uint32_t wait) {
  static constexpr std::array kNames{"",     "epoll_wait", "epoll_pwait", "epoll_pwait2",
                                     "poll", "ppoll",      "select",      "pselect"};
  return wait < kNames.size() ? kNames[wait] : "";
}

PyleakSlot* Heartbeat::slots() const {
  return reinterpret_cast<PyleakSlot*>(reinterpret_cast<std::byte*>(region_) + PYLEAK_PAGE);
}

bool Heartbeat::live() const { return Load(region_->state) == PYLEAK_REGION_LIVE; }
int Heartbeat::pid() const { return static_cast<int>(Load(region_->pid)); }
RemoteAddress Heartbeat::agent_base() const { return RemoteAddress(Load(region_->agent_base)); }
HeartbeatTime Heartbeat::claimed_at() const { return AsTime(Load(region_->claimed_ns)); }
std::uint64_t Heartbeat::dropped_waits() const {
  return std::min<std::uint64_t>(Load(region_->dropped_waits), PYLEAK_DROPPED_BITS);
}

HeartbeatTime Heartbeat::OurTime(std::uint64_t nanoseconds) const { return AsTime(nanoseconds) + clock_offset_; }

std::optional<SlotReading> Heartbeat::ReadSlot(std::uint32_t index) const {
  const PyleakSlot& slot = slots()[index];
  for (int look = 0; look < kMostLooks; ++look) {
    const std::uint64_t key = Load(slot.key);
    const std::uint64_t sequence = Load(slot.sequence);
    if (key == 0 || sequence == 0 || Load(slot.retired) != 0) return std::nullopt;
    SlotReading reading;
    reading.slot = index;
    reading.key = key;
    reading.tid = static_cast<int>(Load(slot.tid));
    reading.wait = Load(slot.wait);
    reading.fd = Load(slot.fd);
    reading.busy = sequence % 2 == 1;
    reading.iteration = sequence / 2;
    reading.waited_at = OurTime(Load(slot.wait_since_ns));
    reading.first_wait = OurTime(Load(slot.first_wait_ns));
    reading.since = reading.busy ? OurTime(Load(slot.busy_since_ns)) : reading.waited_at;
    reading.stack_pointer = RemoteAddress(Load(slot.stack_pointer));
    reading.thread_pointer = RemoteAddress(Load(slot.thread_pointer));
    reading.return_address = RemoteAddress(Load(slot.return_address));
    reading.busy_total = AsTime(Load(slot.busy_ns));
    reading.waiting_total = AsTime(Load(slot.waiting_ns));
    if (reading.tid <= 0) return std::nullopt;  // no thread has such a number
    if (Load(slot.sequence) == sequence && Load(slot.key) == key) return reading;
  }
  return std::nullopt;
}

std::vector<SlotReading> Heartbeat::Read() const {
  std::vector<SlotReading> readings;
  for (std::uint32_t i = 0; i < PYLEAK_SLOT_COUNT; ++i) {
    if (auto reading = ReadSlot(i)) readings.push_back(*reading);
  }
  return readings;
}

std::optional<SlotCounts> Heartbeat::ReadCounts(std::uint32_t index) const {
  const PyleakSlot& slot = slots()[index];
  for (int look = 0; look < kMostLooks; ++look) {
    const std::uint64_t key = Load(slot.key);
    const std::uint64_t sequence = Load(slot.sequence);
    if (key == 0 || sequence == 0) return std::nullopt;
    SlotCounts counts;
    std::ranges::transform(slot.histogram, counts.iterations.begin(), Load<std::uint32_t>);
    counts.busy = AsTime(Load(slot.busy_ns));
    counts.waiting = AsTime(Load(slot.waiting_ns));
    counts.in_iteration = sequence % 2 == 1;
    counts.since = OurTime(Load(counts.in_iteration ? slot.busy_since_ns : slot.wait_since_ns));
    if (Load(slot.sequence) == sequence && Load(slot.key) == key) return counts;
  }
  return std::nullopt;
}

bool Heartbeat::IsInIteration(std::uint32_t slot, std::uint64_t iteration) const {
  return Load(slots()[slot].sequence) == 2 * iteration + 1;
}

Heartbeat::Drained Heartbeat::Drain(std::uint32_t slot, std::uint64_t& tail, HeartbeatTime limit) const {
  const PyleakSlot& from = slots()[slot];
  Drained drained;
  const std::uint64_t end = Load(from.long_iterations);
  if (end <= tail) return drained;
  if (end - tail > PYLEAK_RING_LENGTH) {
    drained.lost = end - tail - PYLEAK_RING_LENGTH;
    tail = end - PYLEAK_RING_LENGTH;
  }
  for (; tail < end; ++tail) {
    const PyleakIteration& entry = from.ring[tail % PYLEAK_RING_LENGTH];
    const Iteration iteration{Load(entry.number), OurTime(Load(entry.begin_ns)), OurTime(Load(entry.end_ns))};
    // The owner may have come round while we read: the oldest entries are the next to be overwritten.
    if (Load(from.long_iterations) - tail >= PYLEAK_RING_LENGTH || iteration.end < iteration.begin) {
      ++drained.lost;
    } else if (iteration.begin >= limit) {
      break;
    } else {
      drained.iterations.push_back(iteration);
    }
  }
  return drained;
}

bool Heartbeat::StandsFor(std::uint32_t slot, std::uint64_t key) const { return Load(slots()[slot].key) == key; }

std::uint64_t Heartbeat::CountLongIterations() const {
  std::uint64_t count = 0;
  for (std::uint32_t i = 0; i < PYLEAK_SLOT_COUNT; ++i) count += Load(slots()[i].long_iterations);
  return count;
}

void Heartbeat::Retire(std::uint32_t slot) const { Store(slots()[slot].retired, std::uint32_t{1}); }

void Heartbeat::Free() const {
  std::memset(slots(), 0, PYLEAK_SLOT_COUNT * sizeof(PyleakSlot));
  region_->dropped_waits = 0;
  std::ranges::fill(region_->dropped_keys, 0);
  region_->slotless_inside = 0;
  Store(region_->state, std::uint32_t{PYLEAK_REGION_FREE});
}

Result<Arena> Arena::Over(std::span<std::byte> memory) {
  if (memory.size() < PYLEAK_ARENA_BYTES(1)) return Error{ErrorCode::kCorrupt, "the heartbeat is too small"};
  auto* header = reinterpret_cast<PyleakArena*>(memory.data());
  const std::uint32_t capacity = CapacityOf(memory);
  const std::uint32_t region_count = Load(header->region_count);
  if (Load(header->magic) != PYLEAK_MAGIC || Load(header->version) != PYLEAK_PROTOCOL_VERSION) {
    return Error{ErrorCode::kCorrupt, "the heartbeat is not one of this version of pyleak"};
  }
  if (region_count == 0 || region_count > capacity) {
    return Error{ErrorCode::kCorrupt, "the heartbeat is smaller than it says"};
  }
  return Arena(header, capacity);
}

Result<Arena> Arena::Make(std::span<std::byte> memory, std::uint32_t region_count, std::chrono::nanoseconds threshold,
                          bool follow_children) {
  if (memory.size() < PYLEAK_ARENA_BYTES(region_count)) {
    return Error{ErrorCode::kCorrupt, "the heartbeat is too small"};
  }
  auto* header = reinterpret_cast<PyleakArena*>(memory.data());
  header->version = PYLEAK_PROTOCOL_VERSION;
  header->region_count = region_count;
  header->region_bytes = PYLEAK_REGION_BYTES;
  header->arena_bytes = memory.size();
  header->slot_count = PYLEAK_SLOT_COUNT;
  Store(header->follow_children, std::uint32_t{follow_children});
  Store(header->threshold_ns, static_cast<std::uint64_t>(threshold.count()));
  Store(header->magic, std::uint64_t{PYLEAK_MAGIC});
  return Arena(header, CapacityOf(memory));
}

std::uint32_t Arena::region_count() const { return std::min(Load(header_->region_count), capacity_); }

void Arena::Grow(std::uint32_t region_count) { Store(header_->region_count, std::min(region_count, capacity_)); }

Heartbeat Arena::region(std::uint32_t index) const {
  auto* regions = reinterpret_cast<std::byte*>(header_) + PYLEAK_PAGE;
  return Heartbeat(reinterpret_cast<PyleakRegion*>(regions + index * PYLEAK_REGION_BYTES));
}

std::uint64_t Arena::dropped_processes() const { return Load(header_->dropped_processes); }

}  // namespace pyleak::attach
