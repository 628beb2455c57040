#include "cli/watch/self_check.h"

#include <gtest/gtest.h>

#include <string>

namespace pyleak::cli {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

/// Clocks that all run evenly until they are told otherwise.
class SelfCheckTest : public ::testing::Test {
 protected:
  /// The codes of what is told at a look that comes so late.
  std::vector<std::string> Look(nanoseconds late = 0ns, nanoseconds jump = 0ns, nanoseconds suspended = 0ns) {
    const attach::HeartbeatTime due = now_.monotonic + 50ms;
    now_.monotonic = due + late;
    now_.realtime += 50ms + late + jump + suspended;
    now_.boottime += 50ms + late + suspended;
    std::vector<std::string> codes;
    for (const Warning& warning : check_.OnLook(due, now_)) codes.push_back(warning.code);
    return codes;
  }

  using Codes = std::vector<std::string>;
  Clocks now_{1000s, 1'700'000'000s, 2000s};
  SelfCheck check_{200ms, now_};
};

TEST_F(SelfCheckTest, SaysNothingWhileAllIsWell) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Look(i % 10 * 1ms, (i % 3 - 1) * 1ms), Codes());
  EXPECT_EQ(check_.lateness().looks, 0U);
}

TEST_F(SelfCheckTest, LooksThatAreLaterThanTheThresholdAreToldOnceAMinuteAndAllCounted) {
  EXPECT_EQ(Look(1s), Codes{"late"});
  EXPECT_EQ(Look(300ms), Codes());
  EXPECT_EQ(Look(199ms), Codes());
  EXPECT_EQ(Look(61s), Codes{"late"});
  EXPECT_EQ(check_.lateness().looks, 3U);
  EXPECT_EQ(check_.lateness().total, 62300ms);
}

TEST_F(SelfCheckTest, ALookBeforeItIsDueIsNotLate) { EXPECT_EQ(Look(-40ms), Codes()); }

TEST_F(SelfCheckTest, AClockThatIsSetIsTold) {
  EXPECT_EQ(Look(0ms, 1h), Codes{"clock_jumped"});
  EXPECT_EQ(Look(), Codes());
  EXPECT_EQ(Look(0ms, -2s), Codes{"clock_jumped"});
}

TEST_F(SelfCheckTest, ASuspendedMachineIsNoJumpOfItsClock) { EXPECT_EQ(Look(0ms, 0ns, 8h), Codes{"suspended"}); }

}  // namespace
}  // namespace pyleak::cli
