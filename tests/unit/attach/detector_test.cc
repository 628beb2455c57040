#include "attach/heartbeat/detector.h"

#include <gtest/gtest.h>

#include <array>

namespace pyleak::attach {
namespace {

using std::chrono::milliseconds;

constexpr DetectorOptions kDefaults{milliseconds(200), milliseconds(50)};

SlotReading Busy(milliseconds since, std::uint64_t iteration = 2) {
  SlotReading reading;
  reading.busy = true;
  reading.since = since;
  reading.iteration = iteration;
  return reading;
}

SlotReading Waiting(milliseconds since, std::uint64_t iteration = 3) {
  SlotReading reading;
  reading.since = since;
  reading.iteration = iteration;
  return reading;
}

TEST(Detector, LooksAtAnIdleLoopEveryCheckInterval) {
  Detector detector(kDefaults);
  const Decision decision = detector.Look(Waiting(milliseconds(0)), {}, milliseconds(1000));
  EXPECT_FALSE(decision.sample || decision.onset || decision.ongoing);
  EXPECT_EQ(decision.look_again_at, milliseconds(1050));
}

TEST(Detector, SleepsToTheDeadlineOfABusyLoop) {
  Detector detector(kDefaults);
  const Decision early = detector.Look(Busy(milliseconds(1000)), {}, milliseconds(1170));
  EXPECT_FALSE(early.sample);
  EXPECT_EQ(early.look_again_at, milliseconds(1195));

  const Decision head_start = detector.Look(Busy(milliseconds(1000)), {}, milliseconds(1195));
  EXPECT_TRUE(head_start.sample);
  EXPECT_FALSE(head_start.onset);
  EXPECT_EQ(head_start.look_again_at, milliseconds(1200));

  const Decision passed = detector.Look(Busy(milliseconds(1000)), {}, milliseconds(1200));
  EXPECT_TRUE(passed.onset);
  EXPECT_FALSE(detector.Look(Busy(milliseconds(1000)), {}, milliseconds(1210)).onset);
}

TEST(Detector, BelievesNothingThatLiesInTheFuture) {
  Detector detector(kDefaults);
  const std::array forged = {Iteration{1, milliseconds(100), milliseconds(2000)},
                             Iteration{2, milliseconds(200), milliseconds(500)}};
  const Decision decision = detector.Look(Busy(milliseconds(1500)), forged, milliseconds(1000));
  ASSERT_EQ(decision.finished.size(), 1U);
  EXPECT_EQ(decision.finished.front().end, milliseconds(500));
  EXPECT_EQ(decision.impossible, 1U);
  EXPECT_EQ(decision.look_again_at, milliseconds(1050));  // as for a loop that waits
}

TEST(Detector, DiscardsTheSampleOfAnIterationThatEndsInTime) {
  Detector detector(kDefaults);
  EXPECT_TRUE(detector.Look(Busy(milliseconds(0)), {}, milliseconds(196)).sample);
  const Decision over = detector.Look(Waiting(milliseconds(199)), {}, milliseconds(200));
  EXPECT_TRUE(over.discarded);
  EXPECT_TRUE(over.finished.empty());
}

TEST(Detector, ReportsWhatTheRingSaysAlsoWhenItWasNeverSampled) {
  Detector detector(kDefaults);
  const std::array finished{Iteration{2, milliseconds(0), milliseconds(250)},
                            Iteration{3, milliseconds(260), milliseconds(300)},
                            Iteration{4, milliseconds(310), milliseconds(510)}};
  const Decision decision = detector.Look(Waiting(milliseconds(510)), finished, milliseconds(520));
  ASSERT_EQ(decision.finished.size(), 2U);
  EXPECT_EQ(decision.finished[0].number, 2U);
  EXPECT_EQ(decision.finished[1].number, 4U);
  EXPECT_FALSE(decision.discarded);
}

TEST(Detector, KeepsTheSampledIterationThatBecameABlock) {
  Detector detector(kDefaults);
  EXPECT_TRUE(detector.Look(Busy(milliseconds(0)), {}, milliseconds(200)).sample);
  const std::array finished{Iteration{2, milliseconds(0), milliseconds(201)}};
  EXPECT_FALSE(detector.Look(Waiting(milliseconds(201)), finished, milliseconds(202)).discarded);
}

TEST(Detector, SaysThatABlockLastsAtGrowingDistances) {
  Detector detector(kDefaults);
  std::vector<milliseconds> told;
  std::vector<milliseconds> sampled;
  for (milliseconds now{0}; now < milliseconds(9000); now += milliseconds(10)) {
    const Decision decision = detector.Look(Busy(milliseconds(0)), {}, now);
    if (decision.ongoing) told.push_back(now);
    if (decision.sample) sampled.push_back(now);
    EXPECT_GT(decision.look_again_at, now);
  }
  EXPECT_EQ(told, (std::vector{milliseconds(1000), milliseconds(2000), milliseconds(4000), milliseconds(8000)}));
  ASSERT_GE(sampled.size(), 5U);
  EXPECT_LE(sampled.size(), 16U);
  EXPECT_LE(sampled[0], milliseconds(200));
}

TEST(Detector, LooksMoreOftenForASmallThreshold) {
  EXPECT_EQ(EffectiveCheckInterval({milliseconds(10), milliseconds(50)}), std::chrono::microseconds(2500));
  EXPECT_EQ(EffectiveCheckInterval({milliseconds(1000), milliseconds(50)}), milliseconds(50));
  EXPECT_EQ(EffectiveCheckInterval({milliseconds(10), milliseconds(1)}), milliseconds(1));
}

}  // namespace
}  // namespace pyleak::attach
