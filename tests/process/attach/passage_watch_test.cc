#include "attach/trace/passage_watch.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pyleak::attach {
namespace {

/// A wait whose instruction is known, on a descriptor of one's choice.
[[gnu::noinline]] long Wait(long epoll) {
  epoll_event event;
  long result = SYS_epoll_wait;
  register long timeout asm("r10") = 0;
  asm volatile("the_wait_of_this_test: syscall"
               : "+a"(result)
               : "D"(epoll), "S"(&event), "d"(1), "r"(timeout)
               : "rcx", "r11", "memory");
  return result;
}

extern "C" const char the_wait_of_this_test[];

TEST(PassageWatch, NotesTheFirstPassagesAfterItWasArmed) {
  auto watch = PassageWatch::At({::getpid(), ::gettid()},
                                RemoteAddress(reinterpret_cast<std::uint64_t>(&the_wait_of_this_test)));
  ASSERT_TRUE(watch.ok()) << watch.error().what;
  Wait(41);
  EXPECT_TRUE(watch->Take().empty());
  watch->Arm();
  const auto before = std::chrono::steady_clock::now().time_since_epoch();
  Wait(42);
  Wait(43);
  const auto after = std::chrono::steady_clock::now().time_since_epoch();
  const std::vector<Passage> passages = watch->Take();
  ASSERT_EQ(passages.size(), 2U);
  EXPECT_EQ(passages[0].first_argument, 42U);
  EXPECT_EQ(passages[1].first_argument, 43U);
  EXPECT_EQ(passages[0].stack_pointer, passages[1].stack_pointer);
  EXPECT_LE(before, passages[0].at);
  EXPECT_LE(passages[0].at, passages[1].at);
  EXPECT_LE(passages[1].at, after);
}

TEST(PassageWatch, StopsAfterAFewAndGoesOnWhenArmedAgain) {
  auto watch = PassageWatch::At({::getpid(), ::gettid()},
                                RemoteAddress(reinterpret_cast<std::uint64_t>(&the_wait_of_this_test)));
  ASSERT_TRUE(watch.ok()) << watch.error().what;
  for (int rounds = 0; rounds < 1000; ++rounds) {
    watch->Arm();
    for (int i = 0; i < 20; ++i) Wait(i);
    const std::vector<Passage> passages = watch->Take();
    ASSERT_GE(passages.size(), 1U) << rounds;
    ASSERT_LE(passages.size(), 8U) << rounds;
    ASSERT_EQ(passages[0].first_argument, 0U);
  }
}

}  // namespace
}  // namespace pyleak::attach
