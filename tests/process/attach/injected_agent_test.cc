#include "attach/inject/injected_agent.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "attach/base/file.h"
#include "attach/proc/thread_status.h"
#include "tests/process/attach/death_at_step.h"
#include "tests/process/attach/forked_target.h"
#include "tests/process/attach/injection_target.h"

namespace pyleak::attach {
namespace {

using std::chrono::milliseconds;
using test::DiesAtStep;
using test::Eventually;
using test::Loop;
using test::ProgramTarget;

/// All that may not be different afterwards. What the program itself allocates ([heap], its stack) may grow.
struct Outside {
  std::vector<std::string> mappings;
  std::set<std::string> files;
  int tracer = 0;

  bool operator==(const Outside&) const = default;
};

Outside Observe(int pid) {
  Outside seen;
  const auto map = MemoryMap::Read(pid);
  for (const Mapping& mapping : map->mappings()) {
    seen.mappings.push_back(std::to_string(mapping.range.begin.value()) + "-" +
                            std::to_string(mapping.range.end.value()) + (mapping.writable ? "w" : "-") +
                            (mapping.executable ? "x" : "-") + mapping.path);
  }
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    seen.files.insert(entry.path().filename().string() + " " + *ReadLink(entry.path().string()));
  }
  seen.tracer = ReadThreadStatus({pid, pid})->tracer_pid;
  return seen;
}

std::optional<SlotReading> LoopSlot(InjectedAgent& agent) {
  const auto slots = agent.heartbeat().Read();
  return slots.empty() ? std::nullopt : std::optional(slots.front());
}

TEST(InjectedAgent, BeatsAndLeavesNothingBehind) {
  const ProgramTarget<Loop> target(INJECTION_TARGET, "loop", "1");
  ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 3; }));
  const auto process = ProcessIdentity::Open(target.pid());
  const Outside before = Observe(target.pid());
  std::vector<std::chrono::nanoseconds> held;
  for (int cycle = 0; cycle < 20; ++cycle) {
    auto agent = InjectedAgent::Inject(*process, {.threshold = milliseconds(50)});
    ASSERT_TRUE(agent.ok()) << agent.error().what;
    EXPECT_GE(agent->report().redirected_slots, 1U);
    held.push_back(agent->report().longest_hold);
    ASSERT_TRUE(Eventually([&] { return LoopSlot(*agent).has_value(); }));
    const std::uint64_t iteration = LoopSlot(*agent)->iteration;
    ASSERT_TRUE(Eventually([&] {
      const auto slot = LoopSlot(*agent);
      return slot && slot->iteration > iteration + 2;
    }));
    EXPECT_EQ(LoopSlot(*agent)->tid, target.pid());
    const auto removed = agent->Remove();
    ASSERT_TRUE(removed.ok()) << removed.error().what;
    EXPECT_TRUE(removed->unmapped()) << removed->left_because;
    ASSERT_EQ(Observe(target.pid()), before) << "cycle " << cycle;
  }
  const int rounds = target.shared().rounds;
  EXPECT_TRUE(Eventually([&] { return target.shared().rounds > rounds; }));
  EXPECT_EQ(target.shared().interrupted, 0);
  std::ranges::sort(held);
  std::printf("one thread held for %.0f us (median), %.0f us (longest of %zu)\n",
              static_cast<double>(held[held.size() / 2].count()) / 1e3, static_cast<double>(held.back().count()) / 1e3,
              held.size());
}

TEST(InjectedAgent, LeadsOutAThreadThatWaitsForEver) {
  const ProgramTarget<Loop> target(INJECTION_TARGET, "loop", "-1");
  ASSERT_TRUE(Eventually([&] { return target.shared().pipe_end >= 0; }));
  const auto wake = [&] {
    const UniqueFd pipe(
        ::open(("/proc/" + std::to_string(target.pid()) + "/fd/" + std::to_string(target.shared().pipe_end)).c_str(),
               O_WRONLY | O_CLOEXEC));
    const int rounds = target.shared().rounds;
    EXPECT_EQ(::write(pipe.get(), "x", 1), 1);
    EXPECT_TRUE(Eventually([&] { return target.shared().rounds > rounds; }));
  };
  const auto process = ProcessIdentity::Open(target.pid());
  const Outside before = Observe(target.pid());
  auto agent = InjectedAgent::Inject(*process, {});
  ASSERT_TRUE(agent.ok()) << agent.error().what;
  wake();
  ASSERT_TRUE(Eventually([&] {
    const auto slot = LoopSlot(*agent);
    return slot && !slot->busy;
  }));
  const auto removed = agent->Remove();
  ASSERT_TRUE(removed.ok()) << removed.error().what;
  EXPECT_EQ(removed->threads_led_out, 1U);
  EXPECT_TRUE(removed->unmapped()) << removed->left_because;
  EXPECT_EQ(Observe(target.pid()), before);
  wake();
  wake();
  EXPECT_EQ(target.shared().interrupted, 0);
}

TEST(InjectedAgent, SaysWhoWatchesAlready) {
  const ProgramTarget<Loop> target(INJECTION_TARGET, "loop", "1");
  ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 3; }));
  const auto process = ProcessIdentity::Open(target.pid());
  const auto first = InjectedAgent::Inject(*process, {});
  ASSERT_TRUE(first.ok()) << first.error().what;
  const auto second = InjectedAgent::Inject(*process, {});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyWatched);
  EXPECT_NE(second.error().what.find(std::to_string(::getpid())), std::string::npos) << second.error().what;
}

TEST(InjectedAgent, TargetOutlivesUsAtEveryStep) {
  const ProgramTarget<Loop> target(INJECTION_TARGET, "loop", "1");
  ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 3; }));
  const auto process = ProcessIdentity::Open(target.pid());
  const Outside before = Observe(target.pid());
  bool died = true;
  int step = 0;
  for (; died; ++step) {
    ASSERT_LT(step, 1000);
    died = DiesAtStep(step, [&](StepObserver& observer) {
      auto agent = InjectedAgent::Inject(*process, {.observer = &observer});
      if (agent.ok()) (void)agent->Remove();
    });
    const int rounds = target.shared().rounds;
    ASSERT_TRUE(Eventually([&] { return target.shared().rounds > rounds + 3; })) << "after step " << step;
  }
  EXPECT_EQ(target.shared().interrupted, 0);
  std::printf("killed at each of %d steps\n", step - 1);
  auto agent = InjectedAgent::Inject(*process, {});
  ASSERT_TRUE(agent.ok()) << agent.error().what;
  ASSERT_TRUE(Eventually([&] { return LoopSlot(*agent).has_value(); }));
  const auto removed = agent->Remove();
  ASSERT_TRUE(removed.ok()) << removed.error().what;
  EXPECT_TRUE(removed->unmapped()) << removed->left_because;
  EXPECT_EQ(Observe(target.pid()), before);
}

}  // namespace
}  // namespace pyleak::attach
