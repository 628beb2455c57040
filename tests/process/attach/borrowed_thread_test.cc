#include "attach/trace/borrowed_thread.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <string>

#include "attach/inject/gadgets.h"
#include "attach/proc/stat.h"
#include "attach/proc/thread_status.h"
#include "attach/trace/tracer.h"
#include "tests/process/attach/death_at_step.h"
#include "tests/process/attach/forked_target.h"
#include "tests/process/attach/injection_target.h"

namespace pyleak::attach {
namespace {

using test::Checks;
using test::DiesAtStep;
using test::Eventually;
using test::ProgramTarget;

struct Reached {
  ProcessIdentity identity;
  ProcessMemory memory;
  arch::Gadgets gadgets;
};

Reached Reach(int pid) {
  auto identity = ProcessIdentity::Open(pid);
  auto memory = ProcessMemory::Open(*identity);
  const auto map = MemoryMap::Read(pid);
  const auto gadgets = LocateGadgets(*memory, *map);
  return {*identity, *std::move(memory), *gadgets};
}

TEST(BorrowedThread, RunsCallsAndGoesHome) {
  const ProgramTarget<Checks> target(INJECTION_TARGET, "checks", "1");
  ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 3; }));
  const Reached reached = Reach(target.pid());
  Tracer tracer;
  for (int i = 1; i <= 200; ++i) {
    tracer.Run([&] {
      auto thread = BorrowedThread::Borrow(reached.identity, reached.memory, reached.gadgets, {});
      ASSERT_TRUE(thread.ok()) << thread.error().what;
      const auto pid = thread->SystemCall(SYS_getpid, {});
      ASSERT_TRUE(pid.ok()) << pid.error().what;
      EXPECT_EQ(*pid, target.pid());
      const std::array<std::uint64_t, 1> none = {~0ULL};
      EXPECT_EQ(*thread->SystemCall(SYS_close, none), -EBADF);
      const auto result =
          thread->Call(RemoteAddress(target.shared().function), RemoteAddress(target.shared().result_address));
      ASSERT_TRUE(result.ok()) << result.error().what;
      EXPECT_EQ(*result, i);
      ASSERT_TRUE(thread->GiveBack().ok());
    });
    ASSERT_EQ(target.shared().calls, i);
    const int rounds = target.shared().rounds;
    ASSERT_TRUE(Eventually([&] { return target.shared().rounds > rounds; }));
  }
  EXPECT_EQ(ReadThreadStatus({target.pid(), target.pid()})->tracer_pid, 0);
}

TEST(BorrowedThread, KeepsSignalsForLater) {
  const ProgramTarget<Checks> target(INJECTION_TARGET, "checks", "0");
  ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 3; }));
  const Reached reached = Reach(target.pid());
  Tracer tracer;
  for (int i = 1; i <= 50; ++i) {
    tracer.Run([&] {
      auto thread = BorrowedThread::Borrow(reached.identity, reached.memory, reached.gadgets, {});
      ASSERT_TRUE(thread.ok()) << thread.error().what;
      ::kill(target.pid(), SIGUSR1);
      EXPECT_TRUE(thread->SystemCall(SYS_getpid, {}).ok());
      ::kill(target.pid(), SIGWINCH);
      EXPECT_TRUE(thread->SystemCall(SYS_getpid, {}).ok());
      EXPECT_EQ(target.shared().signals, i - 1) << "not while it runs our call";
    });
    ASSERT_TRUE(Eventually([&] { return target.shared().signals == i; }));
  }
}

TEST(BorrowedThread, LeavesAStoppedProcessStopped) {
  const ProgramTarget<Checks> target(INJECTION_TARGET, "short_waits");
  ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 3; }));
  const Reached reached = Reach(target.pid());
  Tracer tracer;
  for (int i = 1; i <= 20; ++i) {
    ::kill(target.pid(), SIGSTOP);
    int status = 0;
    ASSERT_EQ(::waitpid(target.pid(), &status, WUNTRACED), target.pid());
    const int rounds = target.shared().rounds;
    tracer.Run([&] {
      auto thread = BorrowedThread::Borrow(reached.identity, reached.memory, reached.gadgets, {});
      ASSERT_TRUE(thread.ok()) << thread.error().what;
      EXPECT_EQ(*thread->SystemCall(SYS_getpid, {}), target.pid());
      const auto result =
          thread->Call(RemoteAddress(target.shared().function), RemoteAddress(target.shared().result_address));
      ASSERT_TRUE(result.ok()) << result.error().what;
      EXPECT_EQ(*result, i);
      ASSERT_TRUE(thread->GiveBack().ok());
    });
    EXPECT_TRUE(Eventually([&] { return ReadStat(target.pid())->state == 'T'; }));
    EXPECT_EQ(::waitpid(target.pid(), &status, WUNTRACED | WNOHANG), 0) << "its parent hears of one stop only";
    EXPECT_EQ(target.shared().rounds, rounds) << "not one instruction of the program";
    ::kill(target.pid(), SIGCONT);
    ASSERT_TRUE(Eventually([&] { return target.shared().rounds > rounds + 3; }));
  }
}

TEST(BorrowedThread, ComesBackFromAFaultOfOurCall) {
  const ProgramTarget<Checks> target(INJECTION_TARGET, "checks", "0");
  ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 3; }));
  const Reached reached = Reach(target.pid());
  Tracer tracer;
  tracer.Run([&] {
    auto thread = BorrowedThread::Borrow(reached.identity, reached.memory, reached.gadgets, {});
    ASSERT_TRUE(thread.ok()) << thread.error().what;
    const auto called = thread->Call(RemoteAddress(0x10), RemoteAddress(target.shared().result_address));
    ASSERT_FALSE(called.ok());
    EXPECT_EQ(called.error().code, ErrorCode::kCorrupt);
  });
  const int rounds = target.shared().rounds;
  EXPECT_TRUE(Eventually([&] { return target.shared().rounds > rounds + 10; }));
}

TEST(BorrowedThread, OutlivesUsAtEveryStep) {
  const ProgramTarget<Checks> target(INJECTION_TARGET, "checks", "0");
  ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 3; }));
  const Reached reached = Reach(target.pid());
  bool died = true;
  int step = 0;
  for (; died; ++step) {
    ASSERT_LT(step, 100);
    died = DiesAtStep(step, [&](StepObserver& observer) {
      Tracer tracer;
      tracer.Run([&] {
        auto thread =
            BorrowedThread::Borrow(reached.identity, reached.memory, reached.gadgets, {.observer = &observer});
        (void)thread->SystemCall(SYS_getpid, {});
        (void)thread->Call(RemoteAddress(target.shared().function), RemoteAddress(target.shared().result_address));
        (void)thread->GiveBack();
      });
    });
    const int rounds = target.shared().rounds;
    ASSERT_TRUE(Eventually([&] { return target.shared().rounds > rounds + 3; })) << "after step " << step;
  }
  EXPECT_GT(step, 10);
}

}  // namespace
}  // namespace pyleak::attach
