#include "cli/explain/time_use.h"

#include <gtest/gtest.h>

namespace pyleak::cli {
namespace {

using namespace std::chrono_literals;

AccountMark Mark(std::chrono::nanoseconds at, std::chrono::nanoseconds busy, std::chrono::nanoseconds cpu,
                 std::chrono::nanoseconds runqueue = 0ns) {
  return {at, busy, {cpu, runqueue}};
}

TEST(TimeUse, IsExactWhereTheLoopDidNothingElse) {
  const TimeUse use = MeasureTimeUse(Mark(1000ms, 10ms, 5ms), Mark(1350ms, 310ms, 205ms), 1020ms, 1320ms);
  EXPECT_EQ(use.cpu, (TimeBounds{200ms, 200ms}));
}

TEST(TimeUse, AllowsForWantOfACpuBetweenIterations) {
  const TimeUse use = MeasureTimeUse(Mark(1000ms, 10ms, 5ms), Mark(1350ms, 310ms, 5ms, 70ms), 1020ms, 1320ms);
  EXPECT_EQ(use.runqueue, (TimeBounds{20ms, 70ms}));
}

TEST(TimeUse, IsNarrowedByMarksWithinTheIteration) {
  const TimeUse wide{{80ms, 100ms}, {0ms, 150ms}};
  const TimeUse use = Narrow(wide, Mark(1030ms, 0ms, 5ms, 60ms), Mark(1310ms, 0ms, 95ms, 90ms), 300ms);
  EXPECT_EQ(use.cpu, (TimeBounds{90ms, 100ms}));
  EXPECT_EQ(use.runqueue, (TimeBounds{30ms, 50ms}));
}

TEST(TimeUse, DoesNotCrossItsBoundsWhereTheKernelsAccountIsBehind) {
  const TimeUse use = Narrow({{80ms, 90ms}, {}}, Mark(1000ms, 0ms, 0ms), Mark(1300ms, 0ms, 95ms), 300ms);
  EXPECT_EQ(use.cpu, (TimeBounds{90ms, 90ms}));
}

TEST(TimeUse, GivesBoundsWhereOtherIterationsTookPart) {
  // 300 ms of the block, and 20 ms of others beside it.
  const TimeUse use = MeasureTimeUse(Mark(1000ms, 10ms, 5ms), Mark(1350ms, 330ms, 105ms), 1020ms, 1320ms);
  EXPECT_EQ(use.cpu, (TimeBounds{80ms, 100ms}));
}

TEST(TimeUse, NeverExceedsTheBlock) {
  const TimeUse use = MeasureTimeUse(Mark(1000ms, 0ms, 0ms), Mark(1350ms, 350ms, 350ms), 1020ms, 1320ms);
  EXPECT_EQ(use.cpu, (TimeBounds{300ms, 300ms}));
}

TEST(TimeUse, AllowsForWhatNoMarkCovers) {
  const TimeUse use = MeasureTimeUse(Mark(1050ms, 50ms, 10ms), Mark(1300ms, 300ms, 210ms), 1000ms, 1310ms);
  EXPECT_EQ(use.cpu, (TimeBounds{200ms, 260ms}));
}

TEST(TimeUse, BelievesNoForgedBusyTime) {
  const auto forged = std::chrono::nanoseconds(std::numeric_limits<std::int64_t>::max() / 2);
  const TimeUse use = MeasureTimeUse(Mark(1000ms, 0ms, 0ms), Mark(1350ms, forged, 300ms), 1020ms, 1320ms);
  EXPECT_EQ(use.cpu, (TimeBounds{250ms, 300ms}));
}

}  // namespace
}  // namespace pyleak::cli
