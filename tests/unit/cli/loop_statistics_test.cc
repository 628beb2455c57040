#include "cli/watch/loop_statistics.h"

#include <gtest/gtest.h>

namespace pyleak::cli {
namespace {

using namespace std::chrono_literals;
using attach::IterationHistogram;
using attach::SlotCounts;
using std::chrono::nanoseconds;

constexpr nanoseconds kThreshold = 200ms;

/// A loop as its slot shows it.
class Slot {
 public:
  /// It has been waiting, and now works for so long.
  void Iterate(nanoseconds wait, nanoseconds work) {
    counts_.waiting += wait;
    counts_.busy += work;
    ++counts_.iterations[IterationHistogram::BucketOf(work)];
    counts_.since += wait + work;
  }
  [[nodiscard]] SlotCounts Waiting() const { return counts_; }
  [[nodiscard]] SlotCounts Busy() const {
    SlotCounts busy = counts_;
    busy.in_iteration = true;
    return busy;
  }
  [[nodiscard]] nanoseconds now() const { return counts_.since; }

 private:
  SlotCounts counts_;
};

TEST(LoopStatistics, AnIntervalIsTheDifferenceOfTwoReadings) {
  LoopStatistics statistics(kThreshold);
  Slot slot;
  slot.Iterate(90ms, 10ms);
  statistics.OnCounts(slot.Waiting(), slot.now());
  const LoopFigures first = statistics.TakeInterval();
  EXPECT_EQ(first.iterations, 1U);
  EXPECT_DOUBLE_EQ(first.utilisation(), 0.1);
  slot.Iterate(10ms, 90ms);
  slot.Iterate(10ms, 90ms);
  statistics.OnCounts(slot.Waiting(), slot.now());
  const LoopFigures second = statistics.TakeInterval();
  EXPECT_EQ(second.iterations, 2U);
  EXPECT_DOUBLE_EQ(second.utilisation(), 0.9);
  EXPECT_EQ(second.lag.buckets.size(), 1U);
  EXPECT_EQ(statistics.TakeInterval().iterations, 0U);
  EXPECT_EQ(statistics.Total().iterations, 3U);
  EXPECT_EQ(statistics.Total().busy, 190ms);
  EXPECT_EQ(statistics.Total().waiting, 110ms);
}

TEST(LoopStatistics, WhatLastsStillCounts) {
  LoopStatistics statistics(kThreshold);
  Slot slot;
  slot.Iterate(10ms, 10ms);
  statistics.OnCounts(slot.Busy(), slot.now() + 5s);
  LoopFigures figures = statistics.TakeInterval();
  EXPECT_EQ(figures.busy, 5010ms);
  EXPECT_EQ(figures.lag.max, 5s);
  EXPECT_FALSE(figures.congested);
  slot.Iterate(0ms, 6s);
  statistics.OnLongIteration(6s);
  statistics.OnCounts(slot.Waiting(), slot.now() + 1s);
  figures = statistics.TakeInterval();
  EXPECT_EQ(figures.busy, 1s);
  EXPECT_EQ(figures.waiting, 1s);
  EXPECT_EQ(figures.lag.max, 6s);
}

TEST(LoopStatistics, TheLongestIsExactFromTheThresholdOn) {
  LoopStatistics statistics(kThreshold);
  Slot slot;
  slot.Iterate(1ms, 100ms);
  statistics.OnCounts(slot.Waiting(), slot.now());
  EXPECT_EQ(statistics.Total().lag.max, 114688us);  // 7 * 2^14 us
  slot.Iterate(1ms, 201ms);
  statistics.OnLongIteration(201ms);
  statistics.OnCounts(slot.Waiting(), slot.now());
  EXPECT_EQ(statistics.Total().lag.max, 201ms);
  EXPECT_EQ(statistics.Total().lag.p99, 201ms);
  EXPECT_EQ(statistics.Total().lag.p50, 114688us);
  slot.Iterate(1ms, 1s);  // and was lost before it could be read
  statistics.OnCounts(slot.Waiting(), slot.now());
  EXPECT_GE(*statistics.Total().lag.max, 1s);
}

TEST(LoopStatistics, ALoopThatHardlyWaitsIsCongestedIfItIsNotBlocked) {
  const auto congested = [](nanoseconds wait, nanoseconds work, int times) {
    LoopStatistics statistics(kThreshold);
    Slot slot;
    for (int i = 0; i < times; ++i) slot.Iterate(wait, work);
    if (work >= kThreshold) statistics.OnLongIteration(work);
    statistics.OnCounts(slot.Waiting(), slot.now());
    return statistics.Total().congested;
  };
  EXPECT_TRUE(congested(100us, 4ms, 1000));
  EXPECT_FALSE(congested(4ms, 4ms, 1000));
  EXPECT_FALSE(congested(1ms, 250ms, 1000));
  EXPECT_FALSE(congested(1ms, 150ms, 2));  // too short a time to tell
  EXPECT_FALSE(congested(0ms, 0ms, 0));
}

TEST(LoopStatistics, ASlotThatWasAnotherLoopsBeginsWithItsCounts) {
  LoopStatistics statistics(kThreshold);
  Slot slot;
  for (int i = 0; i < 100; ++i) slot.Iterate(1ms, 1ms);
  statistics.BeginAt(slot.Waiting());
  slot.Iterate(1ms, 1ms);
  statistics.OnCounts(slot.Waiting(), slot.now());
  EXPECT_EQ(statistics.Total().iterations, 1U);
  EXPECT_EQ(statistics.Total().busy, 1ms);
}

TEST(LoopStatistics, NothingForgedMakesItNegativeOrInfinite) {
  LoopStatistics statistics(kThreshold);
  SlotCounts forged;
  forged.busy = forged.waiting = nanoseconds(INT64_MAX / 8);
  forged.since = 100s;
  statistics.OnCounts(forged, 1s);
  statistics.OnCounts({}, 2s);
  const LoopFigures figures = statistics.Total();
  EXPECT_GE(figures.utilisation(), 0);
  EXPECT_LE(figures.utilisation(), 1);
  EXPECT_GE(figures.waiting, 0ns);
}

TEST(LoopStatistics, FreezesAreCounted) {
  LoopStatistics statistics(kThreshold);
  statistics.OnFreeze(20us);
  EXPECT_EQ(statistics.TakeInterval().freezes, 1U);
  statistics.OnFreeze(30us);
  EXPECT_EQ(statistics.TakeInterval().frozen, 30us);
  EXPECT_EQ(statistics.Total().freezes, 2U);
  EXPECT_EQ(statistics.Total().frozen, 50us);
}

}  // namespace
}  // namespace pyleak::cli
