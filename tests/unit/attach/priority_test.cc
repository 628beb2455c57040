#include "attach/trace/priority.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <thread>

namespace pyleak::attach {
namespace {

struct Priority {
  int niceness;
  int policy;
};

Priority OwnPriority() { return {::getpriority(PRIO_PROCESS, 0), ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK}; }

TEST(RaisedPriority, IsNotInheritedByThreads) {
  const Priority before = OwnPriority();
  Priority raised{};
  Priority inherited{};
  std::thread([&] {
    RaisePriority();
    raised = OwnPriority();
    std::thread([&] { inherited = OwnPriority(); }).join();
  }).join();
  if (raised.niceness == before.niceness && raised.policy == before.policy) GTEST_SKIP() << "may not raise it";
  EXPECT_EQ(inherited.niceness, before.niceness);
  EXPECT_EQ(inherited.policy, before.policy);
}

}  // namespace
}  // namespace pyleak::attach
