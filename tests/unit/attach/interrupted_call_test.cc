#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>

#include "attach/trace/arch/x86_64.h"

namespace pyleak::attach::arch {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

NativeRegisters Interrupted(long system_call, long error, std::uint64_t timeout) {
  NativeRegisters registers;
  registers.raw.orig_rax = static_cast<std::uint64_t>(system_call);
  registers.raw.rax = static_cast<std::uint64_t>(-error);
  registers.raw.rip = 0x1002;
  registers.raw.r10 = timeout;
  return registers;
}

TEST(InterruptedCall, IsBegunAgain) {
  const auto again = ReissueInterruptedCall(Interrupted(SYS_epoll_wait, EINTR, 500), milliseconds(0));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->raw.rip, 0x1000U);
  EXPECT_EQ(again->raw.rax, static_cast<std::uint64_t>(SYS_epoll_wait));
  EXPECT_EQ(again->raw.orig_rax, ~0ULL);
  EXPECT_EQ(again->raw.r10, 500U);
}

TEST(InterruptedCall, WaitsForWhatRemains) {
  const auto remaining = [](std::uint64_t timeout, std::optional<std::chrono::nanoseconds> waited) {
    return static_cast<int>(ReissueInterruptedCall(Interrupted(SYS_epoll_pwait, EINTR, timeout), waited)->raw.r10);
  };
  EXPECT_EQ(remaining(500, milliseconds(200)), 300);
  EXPECT_EQ(remaining(500, microseconds(200'001)), 300) << "never early";
  EXPECT_EQ(remaining(500, milliseconds(500)), 0);
  EXPECT_EQ(remaining(500, milliseconds(9000)), 0);
  EXPECT_EQ(remaining(500, -milliseconds(9)), 500) << "never longer than asked for";
  EXPECT_EQ(remaining(500, std::nullopt), 0);
  EXPECT_EQ(remaining(0xffffffff, std::nullopt), -1) << "a wait for ever stays one";
  EXPECT_EQ(remaining(0xffffffff, milliseconds(10)), -1);
}

TEST(InterruptedCall, IsLeftToTheKernelWhereThatRestartsIt) {
  for (const long error : {512L, 513L, 514L, 516L}) {
    EXPECT_FALSE(ReissueInterruptedCall(Interrupted(SYS_read, error, 0), {}).has_value()) << error;
  }
}

TEST(InterruptedCall, PollWaitsForWhatRemains) {
  NativeRegisters stopped = Interrupted(SYS_poll, 516, 7);
  stopped.raw.rdx = 500;
  ASSERT_TRUE(WasPolling(stopped));
  const auto again = ReissuePoll(stopped, microseconds(200'001));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->raw.rip, 0x1000U);
  EXPECT_EQ(again->raw.rax, static_cast<std::uint64_t>(SYS_poll));
  EXPECT_EQ(again->raw.orig_rax, ~0ULL);
  EXPECT_EQ(again->raw.rdx, 300U);
  EXPECT_EQ(again->raw.r10, 7U) << "no argument of poll";
  EXPECT_FALSE(ReissuePoll(stopped, std::nullopt).has_value()) << "the kernel knows";
  stopped.raw.rdx = 0xffffffff;
  EXPECT_EQ(static_cast<int>(ReissuePoll(stopped, std::nullopt)->raw.rdx), -1);
  EXPECT_FALSE(ReissuePoll(Interrupted(SYS_clock_nanosleep, 516, 0), milliseconds(1)).has_value());
  EXPECT_FALSE(ReissuePoll(Interrupted(SYS_restart_syscall, 516, 0), milliseconds(1)).has_value());
}

TEST(InterruptedCall, HasItsTimeoutInARegister) {
  const timespec timeout = {3, 1};
  NativeRegisters stopped = Interrupted(SYS_epoll_pwait2, EINTR, 0);
  EXPECT_FALSE(ReissueInterruptedCall(stopped, milliseconds(1)).has_value()) << "a pointer is no timeout";
  const NativeRegisters for_ever = WithTimeoutInRegister(0, stopped);
  EXPECT_EQ(for_ever.raw.orig_rax, static_cast<std::uint64_t>(SYS_epoll_pwait));
  EXPECT_EQ(static_cast<int>(for_ever.raw.r10), -1);
  stopped.raw.r10 = reinterpret_cast<std::uint64_t>(&timeout);
  EXPECT_EQ(WithTimeoutInRegister(0, stopped).raw.r10, stopped.raw.r10) << "no thread of that number is stopped";
  const auto other = Interrupted(SYS_epoll_wait, EINTR, 7);
  EXPECT_EQ(WithTimeoutInRegister(0, other).raw.r10, 7U);
}

TEST(InterruptedCall, IsLeftAloneWhereBeginningAgainWouldDoHarm) {
  EXPECT_FALSE(ReissueInterruptedCall(Interrupted(SYS_close, EINTR, 0), {}).has_value());
  EXPECT_FALSE(ReissueInterruptedCall(Interrupted(-1, EINTR, 0), {}).has_value()) << "not in a system call";
}

}  // namespace
}  // namespace pyleak::attach::arch
