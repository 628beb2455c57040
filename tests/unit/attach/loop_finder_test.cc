#include "attach/heartbeat/loop_finder.h"

#include <gtest/gtest.h>

#include <vector>

namespace pyleak::attach {
namespace {

constexpr HeartbeatTime At(int milliseconds) { return std::chrono::milliseconds(milliseconds); }

SlotReading Epoll(int tid, int fd, std::uint64_t stack_pointer) {
  SlotReading reading;
  reading.tid = tid;
  reading.wait = PYLEAK_WAIT_EPOLL_WAIT;
  reading.fd = fd;
  reading.iteration = 10;
  reading.stack_pointer = RemoteAddress(stack_pointer);
  return reading;
}

SlotReading Poll(int tid, std::uint32_t max_fds, std::uint64_t stack_pointer) {
  SlotReading reading = Epoll(tid, -1, stack_pointer);
  reading.wait = PYLEAK_WAIT_POLL;
  reading.max_fds = max_fds;
  return reading;
}

SlotReading BusySince(SlotReading reading, HeartbeatTime since) {
  reading.busy = true;
  reading.since = since;
  reading.waited_at = since - At(1);
  return reading;
}

SlotReading WaitedAt(SlotReading reading, HeartbeatTime when) {
  reading.since = reading.waited_at = when;
  return reading;
}

std::vector<WaitRole> Roles(const std::vector<SlotReading>& readings) { return FindLoops(readings); }

TEST(FindLoops, AnEpollInstanceThatIsWaitedForAgainIsALoop) {
  EXPECT_EQ(Roles({Epoll(1, 3, 0x1000)}), std::vector{WaitRole::kLoop});
}

TEST(FindLoops, OneWaitIsNotYetALoop) {
  SlotReading reading = Epoll(1, 3, 0x1000);
  reading.iteration = 1;
  EXPECT_EQ(Roles({reading}), std::vector{WaitRole::kProvisional});
}

TEST(FindLoops, AWaitWithinAnIterationIsBlockingWork) {
  EXPECT_EQ(Roles({BusySince(Epoll(1, 14, 0x2000), At(100)), WaitedAt(Epoll(1, 18, 0x1000), At(120))}),
            (std::vector{WaitRole::kLoop, WaitRole::kNested}));
}

TEST(FindLoops, AWaitOfAnEarlierIterationStaysNested) {
  EXPECT_EQ(Roles({BusySince(Epoll(1, 14, 0x2000), At(900)), BusySince(Epoll(1, 18, 0x1000), At(130))}),
            (std::vector{WaitRole::kLoop, WaitRole::kNested}));
}

TEST(FindLoops, AStartUpWaitFromFurtherOutIsNotTheLoop) {
  SlotReading once = BusySince(Epoll(1, 5, 0x3000), At(10));
  once.iteration = 1;
  EXPECT_EQ(Roles({once, WaitedAt(Epoll(1, 6, 0x2000), At(500))}),
            (std::vector{WaitRole::kProvisional, WaitRole::kLoop}));
}

TEST(FindLoops, ALoopWhoseCodeHasReturnedEnclosesNothing) {
  SlotReading left = BusySince(Epoll(1, 5, 0x3000), At(10));
  left.left = true;
  EXPECT_EQ(Roles({left, WaitedAt(Epoll(1, 6, 0x2000), At(500))}), (std::vector{WaitRole::kOther, WaitRole::kLoop}));
}

TEST(FindLoops, AWorkerThatPollsItsSocketIsNoLoop) {
  EXPECT_EQ(Roles({Poll(2, 1, 0x1000)}), std::vector{WaitRole::kOther});
  EXPECT_EQ(Roles({Poll(2, 2, 0x1000)}), std::vector{WaitRole::kLoop});
}

TEST(FindLoops, AKnownCallerDecides) {
  SlotReading from_library = Poll(1, 1, 0x1000);
  from_library.verdict = CallerVerdict::kLoop;
  EXPECT_EQ(Roles({from_library}), std::vector{WaitRole::kLoop});
  SlotReading from_client = Poll(1, 9, 0x1000);
  from_client.verdict = CallerVerdict::kNotLoop;
  EXPECT_EQ(Roles({from_client}), std::vector{WaitRole::kOther});
}

TEST(FindLoops, SeveralThreadsOnOneInstanceAreAPool) {
  EXPECT_EQ(Roles({Epoll(1, 3, 0x1000), Epoll(2, 3, 0x9000), Epoll(3, 4, 0x7000)}),
            (std::vector{WaitRole::kShared, WaitRole::kShared, WaitRole::kLoop}));
}

TEST(FindLoops, LoopsOfDifferentThreadsDoNotNest) {
  EXPECT_EQ(Roles({BusySince(Epoll(1, 3, 0x2000), At(10)), WaitedAt(Epoll(2, 4, 0x1000), At(20))}),
            (std::vector{WaitRole::kLoop, WaitRole::kLoop}));
}

}  // namespace
}  // namespace pyleak::attach
