#include "attach/trace/borrow_choice.h"

#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

namespace pyleak::attach {
namespace {

ThreadActivity In(std::int64_t system_call, std::array<std::uint64_t, 6> arguments = {}) {
  ThreadActivity activity;
  activity.system_call = system_call;
  activity.arguments = arguments;
  return activity;
}

ThreadActivity Running() {
  ThreadActivity activity;
  activity.running = true;
  return activity;
}

TEST(BorrowChoice, PrefersWhatIsDisturbedLeast) {
  const auto futex = RankForBorrowing(In(SYS_futex, {0, FUTEX_WAIT_PRIVATE, 0, 0}), 'S');
  const auto running = RankForBorrowing(Running(), 'R');
  const auto for_ever = RankForBorrowing(In(SYS_epoll_wait, {3, 0, 1, 0xffffffff}), 'S');
  const auto for_a_time = RankForBorrowing(In(SYS_epoll_pwait, {3, 0, 1, 100}), 'S');
  ASSERT_TRUE(futex && running && for_ever && for_a_time);
  EXPECT_LT(*futex, *running);
  EXPECT_LT(*running, *for_ever);
  EXPECT_LT(*for_ever, *for_a_time);
  EXPECT_LT(*for_a_time, RankForBorrowing(In(SYS_epoll_wait), 'T')) << "stopped";
  EXPECT_EQ(RankForBorrowing(In(SYS_read, {3, 0x7000, 1}), 'S'), futex);
  EXPECT_EQ(RankForBorrowing(In(SYS_epoll_pwait2, {3, 0, 1, 0}), 'S'), for_ever);
  EXPECT_EQ(RankForBorrowing(In(SYS_epoll_pwait2, {3, 0, 1, 0x7000}), 'S'), for_a_time);
  EXPECT_EQ(RankForBorrowing(In(SYS_poll, {0x7000, 2, 0xffffffff}), 'S'), for_ever);
  EXPECT_EQ(RankForBorrowing(In(SYS_poll, {0x7000, 2, 100}), 'S'), for_a_time);
}

TEST(BorrowChoice, TakesWhoWaitsForInput) {
  for (const long system_call : {SYS_read, SYS_recvfrom, SYS_accept, SYS_wait4, SYS_flock}) {
    EXPECT_EQ(RankForBorrowing(In(system_call, {3, 0x7000}), 'S'), BorrowRank::kRestartsByItself) << system_call;
  }
}

TEST(BorrowChoice, LeavesSleepersAlone) {
  EXPECT_TRUE(RankForBorrowing(In(SYS_clock_nanosleep, {CLOCK_MONOTONIC, TIMER_ABSTIME}), 'S')) << "until, not for";
  EXPECT_FALSE(RankForBorrowing(In(SYS_futex, {0, FUTEX_WAIT_PRIVATE, 0, 0x7000}), 'S')) << "with a timeout";
  for (const long system_call : {SYS_nanosleep, SYS_clock_nanosleep, SYS_restart_syscall, SYS_semtimedop}) {
    EXPECT_FALSE(RankForBorrowing(In(system_call), 'S')) << system_call;
  }
}

TEST(BorrowChoice, LeavesTracedAndUninterruptibleThreadsAlone) {
  for (const char state : {'D', 't', 'Z', 'X', 'I'}) {
    EXPECT_FALSE(RankForBorrowing(In(SYS_read), state)) << state;
    EXPECT_FALSE(RankForBorrowing(Running(), state)) << state;
  }
}

Registers At(std::uint64_t stack_pointer, std::uint64_t thread_pointer) {
  Registers registers;
  registers.by_dwarf_number[Registers::kStackPointer] = stack_pointer;
  registers.thread_pointer = RemoteAddress(thread_pointer);
  return registers;
}

TEST(BorrowChoice, TakesOnlyStacksThatItKnows) {
  const auto map = MemoryMap::Parse(
      "100000-200000 rw-p 00000000 00:00 0 \n"
      "300000-400000 rw-p 00000000 00:00 0 \n"
      "500000-600000 rw-p 00000000 00:00 0 [stack]\n"
      "700000-800000 rw-p 00000000 fd:00 12 /tmp/file\n");
  EXPECT_TRUE(HasRoomOnStack(At(0x580000, 0x1ff000), true, map));
  EXPECT_TRUE(HasRoomOnStack(At(0x180000, 0x1ff000), false, map));
  EXPECT_FALSE(HasRoomOnStack(At(0x180000, 0x1ff000), true, map)) << "the main thread elsewhere: a coroutine";
  EXPECT_FALSE(HasRoomOnStack(At(0x380000, 0x1ff000), false, map)) << "not the mapping of its control block";
  EXPECT_FALSE(HasRoomOnStack(At(0x101000, 0x1ff000), false, map)) << "too near its end";
  EXPECT_FALSE(HasRoomOnStack(At(0x780000, 0x7ff000), false, map)) << "a file";
  EXPECT_FALSE(HasRoomOnStack(At(0x900000, 0x900000), false, map)) << "nowhere";
}

}  // namespace
}  // namespace pyleak::attach
