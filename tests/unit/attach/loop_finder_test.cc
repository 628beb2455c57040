#include "attach/heartbeat/loop_finder.h"

#include <gtest/gtest.h>

#include <vector>

namespace pyleak::attach {
namespace {

SlotReading Epoll(int tid, int fd, std::uint64_t stack_pointer) {
  static std::uint32_t made = 0;
  SlotReading reading;
  reading.slot = ++made;
  reading.seen_as = made;
  reading.tid = tid;
  reading.wait = PYLEAK_WAIT_EPOLL_WAIT;
  reading.fd = fd;
  reading.iteration = 10;
  reading.stack_pointer = RemoteAddress(stack_pointer);
  return reading;
}

SlotReading Poll(int tid, bool like_loop, std::uint64_t stack_pointer) {
  SlotReading reading = Epoll(tid, -1, stack_pointer);
  reading.wait = PYLEAK_WAIT_POLL;
  reading.polls_like_loop = like_loop;
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

TEST(FindLoops, AWaitFromFurtherDownTheStackIsBlockingWork) {
  const SlotReading nested = Epoll(1, 18, 0x1000);
  EXPECT_EQ(Roles({Epoll(1, 14, 0x2000), nested}), (std::vector{WaitRole::kLoop, WaitRole::kNested}));
}

TEST(FindLoops, AtAboutOneDepthTheFirstIsTheLoop) {
  const SlotReading loop = Epoll(1, 14, 0x2000);
  const SlotReading nested = Epoll(1, 18, 0x2040);
  EXPECT_EQ(Roles({nested, loop}), (std::vector{WaitRole::kNested, WaitRole::kLoop}));
}

TEST(FindLoops, KnownCodeIsTheLoopWhateverTheDepth) {
  SlotReading known = Epoll(1, 14, 0x1000);
  known.verdict = CallerVerdict::kLoop;
  EXPECT_EQ(Roles({Epoll(1, 18, 0x9000), known}), (std::vector{WaitRole::kNested, WaitRole::kLoop}));
}

TEST(FindLoops, PollBesideEpollIsBlockingWork) {
  EXPECT_EQ(Roles({Poll(1, true, 0x9000), Epoll(1, 3, 0x1000)}), (std::vector{WaitRole::kNested, WaitRole::kLoop}));
}

TEST(FindLoops, AStartUpWaitFromFurtherOutIsNotTheLoop) {
  SlotReading once = Epoll(1, 5, 0x3000);
  once.iteration = 1;
  EXPECT_EQ(Roles({once, Epoll(1, 6, 0x2000)}), (std::vector{WaitRole::kProvisional, WaitRole::kLoop}));
}

TEST(FindLoops, ALoopWhoseCodeHasReturnedEnclosesNothing) {
  SlotReading left = Epoll(1, 5, 0x3000);
  left.left = true;
  EXPECT_EQ(Roles({left, Epoll(1, 6, 0x2000)}), (std::vector{WaitRole::kOther, WaitRole::kLoop}));
}

TEST(FindLoops, AWorkerThatPollsItsSocketIsNoLoop) {
  EXPECT_EQ(Roles({Poll(2, false, 0x1000)}), std::vector{WaitRole::kOther});
  EXPECT_EQ(Roles({Poll(2, true, 0x1000)}), std::vector{WaitRole::kLoop});
}

TEST(FindLoops, APollThatHasNotBeenSeenIsLeftOpen) {
  SlotReading unseen = Poll(2, false, 0x1000);
  unseen.undecided = true;
  EXPECT_EQ(Roles({unseen}), std::vector{WaitRole::kProvisional});
  EXPECT_EQ(Roles({unseen, Epoll(2, 3, 0x1000)}), (std::vector{WaitRole::kNested, WaitRole::kLoop}));
}

TEST(FindLoops, AKnownCallerDecides) {
  SlotReading from_library = Poll(1, false, 0x1000);
  from_library.verdict = CallerVerdict::kLoop;
  EXPECT_EQ(Roles({from_library}), std::vector{WaitRole::kLoop});
  SlotReading from_client = Poll(1, true, 0x1000);
  from_client.verdict = CallerVerdict::kNotLoop;
  EXPECT_EQ(Roles({from_client}), std::vector{WaitRole::kOther});
}

TEST(FindLoops, SeveralThreadsOnOneInstanceAreAPool) {
  EXPECT_EQ(Roles({Epoll(1, 3, 0x1000), Epoll(2, 3, 0x9000), Epoll(3, 4, 0x7000)}),
            (std::vector{WaitRole::kShared, WaitRole::kShared, WaitRole::kLoop}));
}

TEST(FindLoops, LoopsOfDifferentThreadsDoNotNest) {
  EXPECT_EQ(Roles({Epoll(1, 3, 0x2000), Epoll(2, 4, 0x1000)}), (std::vector{WaitRole::kLoop, WaitRole::kLoop}));
}

}  // namespace
}  // namespace pyleak::attach
