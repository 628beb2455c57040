#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstdlib>

#include "attach/inject/injected_agent.h"
#include "tests/process/attach/forked_target.h"
#include "tests/process/attach/injection_target.h"
#include "tests/support/child.h"

namespace pyleak::attach {
namespace {

using test::Crowd;
using test::Eventually;
using test::ForkedTarget;
using test::LateModule;
using test::ProgramTarget;

struct State {
  std::atomic<int> ready{0};
};

Error InjectionError(int pid) {
  const auto process = ProcessIdentity::Open(pid);
  auto agent = InjectedAgent::Inject(*process, {});
  return agent.ok() ? Error{ErrorCode::kInvalidArgument, "it was injected"} : agent.error();
}

TEST(UnusualPrograms, StaticOneIsRefused) {
  testing_support::Child child({STATIC_LOOP, "epoll_wait"});
  ASSERT_NE(child.ReadLine(), "");
  const Error error = InjectionError(child.pid());
  EXPECT_EQ(error.code, ErrorCode::kStaticProgram) << error.what;
}

TEST(UnusualPrograms, OneWithASystemCallFilterIsRefused) {
  const ForkedTarget<State> target([](State& state) {
    sock_filter allow_all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const sock_fprog program{1, &allow_all};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
      std::abort();
    }
    state.ready = 1;
    for (;;) ::pause();
  });
  ASSERT_TRUE(Eventually([&] { return target.shared().ready == 1; }));
  const Error error = InjectionError(target.pid());
  EXPECT_EQ(error.code, ErrorCode::kRefused) << error.what;
  EXPECT_NE(error.what.find("seccomp"), std::string::npos) << error.what;
}

TEST(UnusualPrograms, OneWhoseThreadsAllSleepIsLeftAlone) {
  const ForkedTarget<State> target([](State& state) {
    state.ready = 1;
    for (;;) ::sleep(3600);
  });
  ASSERT_TRUE(Eventually([&] { return target.shared().ready == 1; }));
  const auto process = ProcessIdentity::Open(target.pid());
  const auto agent = InjectedAgent::Inject(*process, {.patience = std::chrono::milliseconds(50)});
  ASSERT_FALSE(agent.ok());
  EXPECT_EQ(agent.error().code, ErrorCode::kTimedOut) << agent.error().what;
}

TEST(UnusualPrograms, ModuleThatIsLoadedLaterIsWatchedToo) {
  const ProgramTarget<LateModule> target(INJECTION_TARGET, "late_module");
  ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 3; }));
  const auto process = ProcessIdentity::Open(target.pid());
  auto agent = InjectedAgent::Inject(*process, {});
  ASSERT_TRUE(agent.ok()) << agent.error().what;
  EXPECT_EQ(*agent->ExtendToNewModules(), 0U);
  const auto polls = [&] {
    return std::ranges::any_of(agent->heartbeat().Read(), [](const SlotReading& slot) { return !slot.is_epoll(); });
  };
  for (int i = 0; i < 3; ++i) {
    target.shared().wanted = 1;
    ASSERT_TRUE(Eventually([&] { return target.shared().loaded == 1; }));
    const auto extended = agent->ExtendToNewModules();
    ASSERT_TRUE(extended.ok()) << extended.error().what;
    EXPECT_EQ(*extended, 1U);
    EXPECT_EQ(*agent->ExtendToNewModules(), 0U);
    EXPECT_TRUE(Eventually(polls));
    target.shared().wanted = 0;
    ASSERT_TRUE(Eventually([&] { return target.shared().loaded == 0; }));
  }
  const auto removed = agent->Remove();
  ASSERT_TRUE(removed.ok()) << removed.error().what;
  EXPECT_TRUE(removed->unmapped()) << removed->left_because;
  const int rounds = target.shared().rounds;
  EXPECT_TRUE(Eventually([&] { return target.shared().rounds > rounds; }));
}

TEST(UnusualPrograms, EveryThreadIsLedOut) {
  const ProgramTarget<Crowd> target(INJECTION_TARGET, "crowd");
  const auto all_go_on = [&] {
    int before[8];
    for (int i = 0; i < 8; ++i) before[i] = target.shared().rounds[i];
    return Eventually([&] {
      for (int i = 0; i < 8; ++i) {
        if (target.shared().rounds[i] < before[i] + 2) return false;
      }
      return true;
    });
  };
  ASSERT_TRUE(all_go_on());
  const auto process = ProcessIdentity::Open(target.pid());
  for (int cycle = 0; cycle < 3; ++cycle) {
    auto agent = InjectedAgent::Inject(*process, {});
    ASSERT_TRUE(agent.ok()) << agent.error().what;
    ASSERT_TRUE(Eventually([&] { return agent->heartbeat().Read().size() >= 8; }));
    const auto removed = agent->Remove();
    ASSERT_TRUE(removed.ok()) << removed.error().what;
    EXPECT_TRUE(removed->unmapped()) << removed->left_because;
    ASSERT_TRUE(all_go_on()) << "after " << removed->threads_led_out << " were led out";
  }
}

}  // namespace
}  // namespace pyleak::attach
