#include "attach/trace/thread_look.h"

#include <gtest/gtest.h>

#include <sys/syscall.h>
#include <unistd.h>

namespace pyleak::attach {
namespace {

TEST(ThreadActivity, ReadsASystemCall) {
  const auto activity = ParseThreadActivity("232 0x3 0x7f00 0x40 0xffffffff 0x0 0x8 0x7ffc12345678 0x7fa48bf242ad\n");
  ASSERT_TRUE(activity.has_value());
  EXPECT_FALSE(activity->running);
  EXPECT_EQ(activity->system_call, 232);
  EXPECT_EQ(activity->arguments[3], 0xffffffffU);
  EXPECT_EQ(activity->stack_pointer, RemoteAddress(0x7ffc12345678));
  EXPECT_EQ(activity->program_counter, RemoteAddress(0x7fa48bf242ad));
}

TEST(ThreadActivity, KnowsRunningAndBlockedElsewhere) {
  EXPECT_TRUE(ParseThreadActivity("running\n")->running);
  const auto blocked = ParseThreadActivity("-1 0x10 0x20\n");
  ASSERT_TRUE(blocked.has_value());
  EXPECT_EQ(blocked->system_call, -1);
  EXPECT_EQ(blocked->program_counter, RemoteAddress(0x20));
}

TEST(ThreadActivity, SaysNothingOfTornText) {
  for (const char* text :
       {"", "\n", "runnin", "232", "232 0x1 0x2\n", "-1 0x10\n", "1 2 3 4 5 6 7 8 9\n", "0x1 0x2 0x3\n"}) {
    EXPECT_FALSE(ParseThreadActivity(text).has_value()) << text;
  }
}

TEST(ThreadLook, SeesItsOwnThreadInPread) {
  auto look = ThreadLook::Open({::getpid(), ::gettid()});
  ASSERT_TRUE(look.ok()) << look.error().what;
  EXPECT_EQ(look->State(), 'R');
  ASSERT_TRUE(look->Look().has_value());
}

TEST(ThreadLook, KnowsACallThatGoesOnUnderAnotherNumber) {
  auto look = ThreadLook::Open({::getpid(), ::gettid()});
  ASSERT_TRUE(look.ok()) << look.error().what;
  ThreadActivity call;
  call.system_call = SYS_poll;
  call.stack_pointer = RemoteAddress(0x1000);
  look->Remember(call);
  ThreadActivity running;
  running.running = true;
  look->Remember(running);
  ThreadActivity restarted = call;
  restarted.system_call = SYS_restart_syscall;
  EXPECT_EQ(look->Remember(restarted), call);
  restarted.stack_pointer = RemoteAddress(0x2000);
  EXPECT_EQ(look->Remember(restarted), restarted);
}

}  // namespace
}  // namespace pyleak::attach
