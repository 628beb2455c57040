#include "attach/heartbeat/heartbeat.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pyleak::attach {
namespace {

constexpr std::uint32_t kSlot = 5;

class HeartbeatTest : public testing::Test {
 protected:
  PyleakRegion& region() { return *reinterpret_cast<PyleakRegion*>(memory_.data() + PYLEAK_PAGE); }
  PyleakSlot& slot() { return reinterpret_cast<PyleakSlot*>(memory_.data() + 2 * PYLEAK_PAGE)[kSlot]; }

  /// What the agent does at the end of a long iteration.
  void Finish(std::uint64_t number) {
    slot().ring[slot().long_iterations++ % PYLEAK_RING_LENGTH] = {number, 1000 * number, 1000 * number + 500};
  }

  static std::vector<std::uint64_t> Numbers(const Heartbeat::Drained& drained) {
    std::vector<std::uint64_t> numbers;
    for (const Iteration& iteration : drained.iterations) numbers.push_back(iteration.number);
    return numbers;
  }

  std::vector<std::byte> memory_{PYLEAK_ARENA_BYTES(1)};
  Heartbeat heartbeat_ = Arena::Make(memory_, 1, std::chrono::milliseconds(200), true)->region(0);
};

using NumberList = std::vector<std::uint64_t>;

TEST_F(HeartbeatTest, KeepsWhatIsUnreadWhenAnotherWaitTakesTheSlot) {
  std::uint64_t tail = 0;
  Finish(7);
  EXPECT_EQ(Numbers(heartbeat_.Drain(kSlot, tail)), NumberList{7});
  Finish(8);
  Finish(9);
  Finish(10);
  EXPECT_EQ(Numbers(heartbeat_.Drain(kSlot, tail, HeartbeatTime(10'000))), (NumberList{8, 9}));
  EXPECT_EQ(Numbers(heartbeat_.Drain(kSlot, tail)), NumberList{10});
  EXPECT_EQ(heartbeat_.CountLongIterations(), 4U);
}

TEST_F(HeartbeatTest, CountsWhatWasOverwritten) {
  std::uint64_t tail = 0;
  for (std::uint64_t number = 1; number <= PYLEAK_RING_LENGTH + 3; ++number) Finish(number);
  const Heartbeat::Drained drained = heartbeat_.Drain(kSlot, tail);
  EXPECT_EQ(drained.iterations.size() + drained.lost, PYLEAK_RING_LENGTH + 3U);
  EXPECT_GE(drained.lost, 3U);
}

TEST_F(HeartbeatTest, BelievesNoMoreWaitsWithoutASlotThanItHasBitsFor) {
  region().dropped_waits = 3;
  EXPECT_EQ(heartbeat_.dropped_waits(), 3U);
  region().dropped_waits = UINT64_MAX;
  EXPECT_EQ(heartbeat_.dropped_waits(), PYLEAK_DROPPED_BITS);
  region().dropped_keys[0] = 1;
  heartbeat_.Free();
  EXPECT_EQ(heartbeat_.dropped_waits(), 0U);
  EXPECT_EQ(region().dropped_keys[0], 0U);
}

}  // namespace
}  // namespace pyleak::attach
