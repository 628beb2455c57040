#include "attach/proc/thread_status.h"

#include <gtest/gtest.h>

namespace pyleak::attach {
namespace {

TEST(ThreadStatus, ReadsTheFieldsOfProc) {
  const auto status = ParseThreadStatus(
      "Name:\tTracerPid: 1\nTracerPid:\t4242\nSeccomp:\t2\nTgid:\t77\nUid:\t1000\t0\t0\t0\n"
      "Gid:\t1001\t0\t0\t0\nCapPrm:\t0000000000280000\nCapEff:\t0000000000080000\n"
      "SigPnd:\t0000000000000200\nShdPnd:\t0000000000010000\n"
      "SigBlk:\t0000000000000200\nSigCgt:\t0000000000010200\nx86_Thread_features:\tshstk \n"
      "voluntary_ctxt_switches:\t4711\nnonvoluntary_ctxt_switches:\t42\n");
  EXPECT_EQ(status.tracer_pid, 4242);
  EXPECT_EQ(status.user_id, 1000U);
  EXPECT_EQ(status.group_id, 1001U);
  EXPECT_EQ(status.permitted_capabilities, 0x280000U);
  EXPECT_EQ(status.effective_capabilities, 0x80000U);
  EXPECT_EQ(status.seccomp, 2);
  EXPECT_TRUE(status.shadow_stack);
  EXPECT_EQ(status.process_id, 77);
  EXPECT_EQ(status.pending_signals, 0x10200U);
  // SIGUSR1 (10) is blocked, SIGCHLD (17) is not.
  EXPECT_EQ(status.handled_signals(), 0x10000U);
  EXPECT_EQ(status.voluntary_switches, 4711U);
}

TEST(ThreadStatus, LeavesOutSignalsThatEndNoSystemCall) {
  const auto ignored = ParseThreadStatus("ShdPnd:\t0000000000010000\nSigBlk:\t0\nSigCgt:\t0\n");
  EXPECT_EQ(ignored.handled_signals() | ignored.stopping_signals(), 0U);
  // SIGTSTP (20) stops the process, but not where it has a handler.
  const auto stopping = ParseThreadStatus("ShdPnd:\t0000000000080000\nSigBlk:\t0\nSigCgt:\t0\n");
  EXPECT_EQ(stopping.handled_signals(), 0U);
  EXPECT_EQ(stopping.stopping_signals(), 0x80000U);
  const auto handled = ParseThreadStatus("ShdPnd:\t0000000000080000\nSigBlk:\t0\nSigCgt:\t0000000000080000\n");
  EXPECT_EQ(handled.handled_signals(), 0x80000U);
  EXPECT_EQ(handled.stopping_signals(), 0U);
}

TEST(ThreadStatus, TakesMissingFieldsForZero) {
  const auto status = ParseThreadStatus("TracerPid");
  EXPECT_EQ(status.tracer_pid, 0);
  EXPECT_FALSE(status.shadow_stack);
}

}  // namespace
}  // namespace pyleak::attach
