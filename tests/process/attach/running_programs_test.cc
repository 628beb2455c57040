#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "attach/base/file.h"
#include "attach/inject/injected_agent.h"
#include "attach/proc/thread_status.h"
#include "attach/trace/capture_buffer.h"
#include "attach/trace/frozen_thread.h"
#include "attach/trace/tracer.h"
#include "tests/process/attach/death_at_step.h"
#include "tests/process/attach/forked_target.h"
#include "tests/support/child.h"

namespace pyleak::attach {
namespace {

using std::chrono::milliseconds;
using test::DiesAtStep;
using test::Eventually;

/// Each says in some line of its output that it is ready.
struct RunningProgram {
  const char* name;
  std::vector<std::string> command;
};

std::vector<RunningProgram> Programs() {
  const std::string asyncio =
      "import asyncio, threading, time\n"
      "threading.Thread(target=lambda: time.sleep(3600), daemon=True).start()\n"
      "async def main():\n"
      "  print('ready', flush=True)\n"
      "  while True:\n"
      "    await asyncio.sleep(0.005)\n"
      "asyncio.run(main())\n";
  return {{"CPython", {"/usr/bin/python3", "-c", asyncio}},
          {"Node", {"node", "-e", "setInterval(() => {}, 5); console.log('ready')"}},
          {"Redis",
           {"redis-server", "--port", "0", "--unixsocket", testing::TempDir() + "/redis." + std::to_string(::getpid()),
            "--save", "", "--hz", "100"}}};
}

bool HoldsAnAgent(int pid) {
  const auto map = MemoryMap::Read(pid);
  return std::ranges::any_of(map->mappings(), [](const Mapping& mapping) {
    return mapping.path.starts_with("/memfd:pyleak") || mapping.range.begin.value() % (1ULL << 32) == 0x504c0000;
  });
}

class RunningPrograms : public testing::TestWithParam<RunningProgram> {};

TEST_P(RunningPrograms, AreWatchedAndLeftAsTheyWere) {
  testing_support::Child child(GetParam().command);
  const auto process = ProcessIdentity::Open(child.pid());
  ASSERT_TRUE(process.ok());
  std::vector<std::chrono::nanoseconds> held;
  std::vector<std::chrono::nanoseconds> removal;
  std::vector<std::chrono::nanoseconds> all;
  while (child.ReadLine().find("ready") == std::string::npos) ASSERT_TRUE(process->StillRuns());
  for (int cycle = 0; cycle < 20; ++cycle) {
    const auto begin = std::chrono::steady_clock::now();
    auto agent = InjectedAgent::Inject(*process, {.threshold = milliseconds(50)});
    ASSERT_TRUE(agent.ok()) << agent.error().what;
    all.push_back(std::chrono::steady_clock::now() - begin);
    held.push_back(agent->report().longest_hold);
    EXPECT_GE(agent->report().redirected_slots, 2U);
    EXPECT_EQ(agent->report().foreign_slots, 0U);
    ASSERT_TRUE(Eventually([&] {
      return std::ranges::any_of(agent->heartbeat().Read(), [](const SlotReading& slot) { return slot.iteration > 3; });
    }));
    const auto removed = agent->Remove();
    ASSERT_TRUE(removed.ok()) << removed.error().what;
    EXPECT_TRUE(removed->unmapped()) << removed->left_because;
    removal.push_back(removed->longest_hold);
    ASSERT_FALSE(HoldsAnAgent(child.pid())) << "cycle " << cycle;
    EXPECT_EQ(ReadThreadStatus(child.pid())->tracer_pid, 0);
    ASSERT_TRUE(process->StillRuns());
  }
  std::ranges::sort(held);
  std::ranges::sort(all);
  std::ranges::sort(removal);
  const auto us = [](std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1e3; };
  std::printf(
      "%s: one thread held for %.0f us (median), %.0f us (longest of 20); to take it out %.0f us; all of it %.1f ms\n",
      GetParam().name, us(held[10]), us(held.back()), us(removal[10]), us(all[10]) / 1e3);
}

/// It goes round: its first thread has slept some times more.
bool WorksOn(int pid) {
  const auto sleeps = [&] { return ReadThreadStatus(pid)->voluntary_switches; };
  const std::uint64_t before = sleeps();
  return Eventually([&] { return sleeps() > before + 3; });
}

TEST_P(RunningPrograms, OutliveUsAtEveryStep) {
  testing_support::Child child(GetParam().command);
  const auto process = ProcessIdentity::Open(child.pid());
  ASSERT_TRUE(process.ok());
  while (child.ReadLine().find("ready") == std::string::npos) ASSERT_TRUE(process->StillRuns());
  const auto watch = [&](StepObserver& observer) {
    auto agent = InjectedAgent::Inject(*process, {.observer = &observer});
    if (agent.ok()) (void)agent->Remove();
  };
  int step = 0;
  for (; DiesAtStep(step, watch); ++step) ASSERT_TRUE(WorksOn(child.pid())) << "after step " << step;
  EXPECT_GT(step, 30);
  EXPECT_FALSE(HoldsAnAgent(child.pid()));
  EXPECT_EQ(ReadThreadStatus(child.pid())->tracer_pid, 0);
}

/// Whatever it does at that moment: waits, or computes.
TEST_P(RunningPrograms, OutliveUsAtEveryStepOfACapture) {
  testing_support::Child child(GetParam().command);
  const auto process = ProcessIdentity::Open(child.pid());
  ASSERT_TRUE(process.ok());
  while (child.ReadLine().find("ready") == std::string::npos) ASSERT_TRUE(process->StillRuns());
  const auto memory = ProcessMemory::Open(*process);
  ASSERT_TRUE(memory.ok());
  const auto capture = [&](StepObserver& observer) {
    auto look = ThreadLook::Open({child.pid(), child.pid()});
    CaptureBuffer buffer;
    Tracer().Run([&] {
      observer.At("look");
      auto frozen = FrozenThread::Freeze(*look, {});
      observer.At("frozen");
      if (frozen.ok() && frozen->has_value()) (*frozen)->CaptureStack(*memory, buffer);
      observer.At("copied");
      if (frozen.ok() && frozen->has_value()) (*frozen)->LetGo();
      observer.At("let go");
    });
  };
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(DiesAtStep(i % 4, capture));
    ASSERT_TRUE(WorksOn(child.pid())) << "after step " << i % 4;
  }
  EXPECT_EQ(ReadThreadStatus(child.pid())->tracer_pid, 0);
}

INSTANTIATE_TEST_SUITE_P(, RunningPrograms, testing::ValuesIn(Programs()),
                         [](const auto& program) { return std::string(program.param.name); });

}  // namespace
}  // namespace pyleak::attach
