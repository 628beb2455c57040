#include "cli/explain/cause.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

namespace pyleak::cli {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

attach::ThreadActivity Running() { return {.running = true}; }

attach::ThreadActivity In(std::int64_t system_call, std::uint64_t first_argument = 0) {
  attach::ThreadActivity activity;
  activity.system_call = system_call;
  activity.arguments[0] = first_argument;
  return activity;
}

TimeUse Use(nanoseconds cpu, nanoseconds runqueue) { return {{cpu, cpu}, {runqueue, runqueue}}; }

BlockEvidence Evidence(TimeUse use, std::vector<SeenActivity> seen) {
  BlockEvidence evidence;
  evidence.duration = 1s;
  evidence.loop_kind = "generic";
  evidence.measure = {.use = use, .seen = std::move(seen)};
  return evidence;
}

TEST(Cause, IsUnknownWithoutEvidence) {
  BlockEvidence evidence;
  evidence.duration = 1s;
  EXPECT_EQ(ExplainBlock(evidence).kind, CauseKind::kUnknown);
  EXPECT_TRUE(ExplainBlock(evidence).summary.empty());
}

TEST(Cause, IsWhatTookMostOfTheTime) {
  const Cause cause = ExplainBlock(Evidence(Use(700ms, 100ms), {{Running(), 'R', 800ms}, {In(SYS_read), 'S', 200ms}}));
  EXPECT_EQ(cause.kind, CauseKind::kCpu);
  EXPECT_EQ(cause.summary, "0.700s of 1.000s on the CPU, 0.200s asleep, 0.100s ready to run but without a CPU");
  EXPECT_EQ(cause.cpu, 700ms);
  EXPECT_EQ(cause.wait, 200ms);
  EXPECT_EQ(cause.runqueue, 100ms);
}

TEST(Cause, NamesTheCallThatWasSleptInLongest) {
  BlockEvidence evidence =
      Evidence(Use(10ms, 0ms), {{In(SYS_openat), 'S', 200ms}, {In(SYS_read, 7), 'S', 800ms}, {Running(), 'R', 0ms}});
  evidence.samples = {{In(SYS_openat), {}}, {In(SYS_read, 7), {7, "/tmp/fifo"}}};
  const Cause cause = ExplainBlock(evidence);
  EXPECT_EQ(cause.kind, CauseKind::kSyscall);
  EXPECT_EQ(cause.syscall, "read");
  EXPECT_EQ(cause.fd, 7);
  EXPECT_EQ(cause.target, "/tmp/fifo");
  EXPECT_EQ(cause.summary, "system call read on descriptor 7 (/tmp/fifo), 0.990s of 1.000s asleep");
}

AwaitedLock GilHeldBy(int tid) {
  Holder holder{.tid = tid, .name = "worker", .stack = symbolize::Stack{}};
  holder.stack->frames.push_back(
      {.language = symbolize::Language::kPython, .name = "spin", .filename = "/srv/app.py", .lineno = 12});
  return {LockKind::kGil, {RemoteAddress(0x1000), RemoteAddress(0x1100)}, holder};
}

TEST(Cause, IsTheGilAndWhoHeldItMostOften) {
  // A condition variable has several futexes; one outside of the GIL's is another lock's.
  BlockEvidence evidence = Evidence(
      Use(10ms, 0ms),
      {{In(SYS_futex, 0x1008), 'S', 300ms}, {In(SYS_futex, 0x2000), 'S', 400ms}, {In(SYS_futex, 0x1010), 'S', 290ms}});
  evidence.samples = {{In(SYS_futex, 0x1008), {}, GilHeldBy(7)},
                      {In(SYS_futex, 0x1008), {}, GilHeldBy(8)},
                      {In(SYS_futex, 0x1010), {}, GilHeldBy(8)}};
  const Cause cause = ExplainBlock(evidence);
  EXPECT_EQ(cause.kind, CauseKind::kGil);
  ASSERT_TRUE(cause.gil_holder);
  EXPECT_EQ(cause.gil_holder->tid, 8);
  EXPECT_EQ(cause.summary,
            "waiting for the GIL, 0.590s of 1.000s asleep; held by 2 threads in turn, most often (2 samples) by "
            "thread 8 \"worker\": File \"/srv/app.py\", line 12, in spin");
}

TEST(Cause, IsTheGilAlsoIfOnlyLooksHaveMetTheWait) {
  BlockEvidence evidence = Evidence(Use(10ms, 0ms), {{In(SYS_futex, 0x1008), 'S', 990ms}});
  evidence.measure.gil = AwaitedLock{LockKind::kGil, GilHeldBy(7).place, {}};
  const Cause cause = ExplainBlock(evidence);
  EXPECT_EQ(cause.kind, CauseKind::kGil);
  EXPECT_EQ(cause.summary, "waiting for the GIL, 0.990s of 1.000s asleep");
}

TEST(Cause, IsTheGarbageCollectorIfMostSamplesMetIt) {
  BlockEvidence evidence = Evidence(Use(990ms, 0ms), {{Running(), 'R', 1s}});
  evidence.samples = {{Running(), {}, {}, "generation 2"}};
  EXPECT_EQ(ExplainBlock(evidence).kind, CauseKind::kCpu) << "one sample alone";
  evidence.samples = {{Running(), {}}, {Running(), {}, {}, "generation 2"}, {Running(), {}, {}, "generation 2"}};
  symbolize::Stack stack = *GilHeldBy(7).holder->stack;
  evidence.stack = &stack;
  const Cause cause = ExplainBlock(evidence);
  EXPECT_EQ(cause.kind, CauseKind::kGc);
  EXPECT_EQ(cause.summary,
            "garbage collection (generation 2), 0.990s of 1.000s on the CPU; while at File \"/srv/app.py\", line 12, "
            "in spin");
}

TEST(Cause, IsALockAndWhoHeldIt) {
  BlockEvidence evidence = Evidence(Use(10ms, 0ms), {{In(SYS_futex, 0x1008), 'S', 990ms}});
  AwaitedLock lock = GilHeldBy(7);
  lock.kind = LockKind::kPythonRLock;
  evidence.samples = {{In(SYS_futex, 0x1008), {}, lock}};
  const Cause cause = ExplainBlock(evidence);
  EXPECT_EQ(cause.kind, CauseKind::kLock);
  EXPECT_FALSE(cause.gil_holder);
  ASSERT_TRUE(cause.lock_holder);
  EXPECT_EQ(cause.lock_holder->tid, 7);
  EXPECT_EQ(cause.summary,
            "waiting for a threading.RLock, 0.990s of 1.000s asleep; held by thread 7 \"worker\": File "
            "\"/srv/app.py\", line 12, in spin");
}

TEST(Cause, SaysWhatThreadingMakesOfALock) {
  BlockEvidence evidence = Evidence(Use(0ms, 0ms), {{In(SYS_futex, 0x1008), 'S', 1s}});
  evidence.samples = {{In(SYS_futex, 0x1008), {}, AwaitedLock{LockKind::kPythonLock, GilHeldBy(7).place, {}}}};
  EXPECT_EQ(ExplainBlock(evidence).summary,
            "waiting for a threading.Lock, which does not know who holds it, 1.000s of 1.000s asleep");
  symbolize::Stack stack;
  stack.frames.push_back(
      {.language = symbolize::Language::kPython, .name = "wait", .filename = "/usr/lib/python3.11/threading.py"});
  evidence.stack = &stack;
  const Cause cause = ExplainBlock(evidence);
  EXPECT_EQ(cause.summary,
            "waiting for a condition of the threading module, which nobody holds, 1.000s of 1.000s asleep");
  EXPECT_FALSE(cause.lock_holder);
}

TEST(Cause, IsAStopOnlyForTheTimeThatTheThreadWasSeenStopped) {
  const Cause cause = ExplainBlock(Evidence(Use(100ms, 0ms), {{In(SYS_read), 'T', 600ms}, {In(SYS_read), 'S', 300ms}}));
  EXPECT_EQ(cause.kind, CauseKind::kStopped);
  EXPECT_EQ(cause.summary,
            "stopped by a signal (SIGSTOP, Ctrl-Z), 0.600s of 1.000s stopped, 0.100s on the CPU, 0.300s asleep");
}

TEST(Cause, TellsADebuggersStop) {
  const Cause cause = ExplainBlock(Evidence(Use(0ms, 0ms), {{In(SYS_read), 't', 1s}}));
  EXPECT_EQ(cause.summary, "stopped by a debugger, 1.000s of 1.000s stopped");
}

TEST(Cause, IsTheWantOfACpu) {
  EXPECT_EQ(ExplainBlock(Evidence(Use(300ms, 650ms), {{Running(), 'R', 1s}})).kind, CauseKind::kNotScheduled);
}

TEST(Cause, ReckonsAnUnfinishedTimeWithoutACpu) {
  BlockEvidence evidence = Evidence(Use(10ms, 0ms), {{Running(), 'R', 1s}});
  evidence.ongoing = true;
  EXPECT_EQ(ExplainBlock(evidence).kind, CauseKind::kNotScheduled);
}

TEST(Cause, IsADiskWhereTheSleepIsUninterruptible) {
  EXPECT_EQ(ExplainBlock(Evidence(Use(0ms, 0ms), {{In(SYS_read, 3), 'D', 1s}})).kind, CauseKind::kDisk);
  EXPECT_EQ(ExplainBlock(Evidence(Use(0ms, 0ms), {{In(-1), 'D', 1s}})).kind, CauseKind::kDisk);
  EXPECT_EQ(ExplainBlock(Evidence(Use(0ms, 0ms), {{In(SYS_vfork), 'D', 1s}})).kind, CauseKind::kSyscall);
}

TEST(Cause, SaysThatNoCallWasSeen) {
  const Cause cause = ExplainBlock(Evidence(Use(200ms, 0ms), {{Running(), 'R', 1s}}));
  EXPECT_EQ(cause.kind, CauseKind::kUnknown);
  EXPECT_EQ(cause.summary, "0.800s of 1.000s asleep, not seen in any system call, 0.200s on the CPU");
}

TEST(Cause, LeavesOutFiguresThatAreNotCertain) {
  const Cause cause = ExplainBlock(Evidence({{100ms, 400ms}, {0ms, 0ms}}, {{In(SYS_read), 'S', 1s}}));
  EXPECT_EQ(cause.kind, CauseKind::kSyscall);
  EXPECT_FALSE(cause.cpu.has_value());
}

TEST(Cause, TrustsLooksWhereBoundsLeaveRoom) {
  const TimeUse use{{100ms, 100ms}, {0ms, 900ms}};
  EXPECT_EQ(ExplainBlock(Evidence(use, {{In(SYS_read), 'S', 900ms}, {Running(), 'R', 100ms}})).kind,
            CauseKind::kSyscall);
  EXPECT_EQ(ExplainBlock(Evidence(use, {{Running(), 'R', 1s}})).kind, CauseKind::kNotScheduled);
}

TEST(Cause, MakesDoWithSamples) {
  BlockEvidence evidence;
  evidence.duration = 1s;
  evidence.samples = {{Running(), {}}, {Running(), {}}, {In(SYS_read), {}}};
  const Cause cause = ExplainBlock(evidence);
  EXPECT_EQ(cause.kind, CauseKind::kCpu);
  EXPECT_EQ(cause.summary, "on the CPU");
}

}  // namespace
}  // namespace pyleak::cli
