#include "cli/launch/signal_relay.h"

#include <gtest/gtest.h>

namespace pyleak::cli {
namespace {

constexpr int kProgram = 4242;
constexpr int kShell = 17;

TEST(SignalRelay, PassesOnWhatAnotherProcessSends) {
  EXPECT_TRUE(IsMeantForProgram({SIGTERM, false, kShell}, kProgram, false));
  EXPECT_TRUE(IsMeantForProgram({SIGINT, false, kShell}, kProgram, true));
}

TEST(SignalRelay, KeepsWhatTheTerminalSendsToTheWholeGroup) {
  EXPECT_FALSE(IsMeantForProgram({SIGINT, true, 0}, kProgram, false));
  EXPECT_FALSE(IsMeantForProgram({SIGWINCH, true, 0}, kProgram, true));
}

TEST(SignalRelay, PassesAHangupOnThatOnlyTheSessionLeaderHears) {
  EXPECT_TRUE(IsMeantForProgram({SIGHUP, true, 0}, kProgram, true));
  EXPECT_FALSE(IsMeantForProgram({SIGHUP, true, 0}, kProgram, false));
}

TEST(SignalRelay, KeepsWhatTheProgramSendsToItsParent) {
  EXPECT_FALSE(IsMeantForProgram({SIGUSR1, false, kProgram}, kProgram, false));
}

}  // namespace
}  // namespace pyleak::cli
