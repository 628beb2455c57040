#include "attach/trace/borrowed_thread.h"

#include <gtest/gtest.h>
#include <immintrin.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "attach/inject/gadgets.h"
#include "attach/proc/stat.h"
#include "attach/proc/thread_status.h"
#include "attach/trace/tracer.h"
#include "tests/process/attach/forked_target.h"

namespace pyleak::attach {
namespace {

using test::Eventually;
using test::ForkedTarget;

struct Checks {
  std::atomic<int> rounds{0};
  std::atomic<int> signals{0};
  std::atomic<int> calls{0};
  std::atomic<std::uint64_t> function{0};
  std::atomic<std::int64_t> result{0};
};

Checks* seen = nullptr;
void CountCall() { seen->result = ++seen->calls; }

/// Aborts as soon as anything is not as it left it: an EINTR, a vector register, errno, the signal mask.
void LiveAndCheck(Checks& checks, int timeout_ms) {
  seen = &checks;
  checks.function = reinterpret_cast<std::uint64_t>(&CountCall);
  struct sigaction action {};
  action.sa_handler = [](int) { ++seen->signals; };
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR1, &action, nullptr);
  static std::array<char, 65536> alternate;
  const stack_t stack{.ss_sp = alternate.data(), .ss_flags = 0, .ss_size = alternate.size()};
  ::sigaltstack(&stack, nullptr);
  const int epoll = ::epoll_create1(0);
  epoll_event event{};
  for (;;) {
    errno = 77;
    const __m128d before = _mm_set_pd(1.5, static_cast<double>(checks.rounds));
    __m128d kept = before;
    for (int i = 0; i < 1000; ++i) __asm__ volatile("" : "+x"(kept));
    long result = SYS_epoll_wait;
    const long timeout = timeout_ms;
    register long r10 __asm__("r10") = timeout;
    __asm__ volatile("syscall"
                     : "+a"(result), "+x"(kept)
                     : "D"(epoll), "S"(&event), "d"(1), "r"(r10)
                     : "rcx", "r11", "memory");
    const __m128d same = _mm_cmpeq_pd(kept, before);
    if (result != 0 || _mm_movemask_pd(same) != 3 || errno != 77) std::abort();
    stack_t now{};
    ::sigaltstack(nullptr, &now);
    sigset_t mask;
    ::sigprocmask(SIG_SETMASK, nullptr, &mask);
    if (now.ss_sp != alternate.data() || ::sigismember(&mask, SIGUSR2) != 0) std::abort();
    ++checks.rounds;
  }
}

/// The same in the target, which has inherited the mapping.
RemoteAddress AddressOf(const auto& word) { return RemoteAddress(reinterpret_cast<std::uint64_t>(&word)); }

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
  const ForkedTarget<Checks> target([](Checks& checks) { LiveAndCheck(checks, 1); });
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
      const auto result = thread->Call(RemoteAddress(target.shared().function), AddressOf(target.shared().result));
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
  const ForkedTarget<Checks> target([](Checks& checks) { LiveAndCheck(checks, 0); });
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
  const ForkedTarget<Checks> target([](Checks& checks) {
    seen = &checks;
    checks.function = reinterpret_cast<std::uint64_t>(&CountCall);
    const int epoll = ::epoll_create1(0);
    for (epoll_event event{};; ++checks.rounds) ::epoll_wait(epoll, &event, 1, checks.rounds % 2);
  });
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
      const auto result = thread->Call(RemoteAddress(target.shared().function), AddressOf(target.shared().result));
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
  const ForkedTarget<Checks> target([](Checks& checks) { LiveAndCheck(checks, 0); });
  ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 3; }));
  const Reached reached = Reach(target.pid());
  Tracer tracer;
  tracer.Run([&] {
    auto thread = BorrowedThread::Borrow(reached.identity, reached.memory, reached.gadgets, {});
    ASSERT_TRUE(thread.ok()) << thread.error().what;
    const auto called = thread->Call(RemoteAddress(0x10), AddressOf(target.shared().result));
    ASSERT_FALSE(called.ok());
    EXPECT_EQ(called.error().code, ErrorCode::kCorrupt);
  });
  const int rounds = target.shared().rounds;
  EXPECT_TRUE(Eventually([&] { return target.shared().rounds > rounds + 10; }));
}

/// Ends this process at the step that is asked for.
class Killer : public StepObserver {
 public:
  explicit Killer(int step) : left_(step) {}
  void At(std::string_view) override {
    if (left_-- == 0) ::raise(SIGKILL);
  }

 private:
  int left_;
};

TEST(BorrowedThread, OutlivesUsAtEveryStep) {
  const ForkedTarget<Checks> target([](Checks& checks) { LiveAndCheck(checks, 0); });
  ASSERT_TRUE(Eventually([&] { return target.shared().rounds > 3; }));
  const Reached reached = Reach(target.pid());
  bool died = true;
  int step = 0;
  for (; died; ++step) {
    ASSERT_LT(step, 100);
    const pid_t injector = ::fork();
    if (injector == 0) {
      Killer killer(step);
      Tracer tracer;
      tracer.Run([&] {
        auto thread = BorrowedThread::Borrow(reached.identity, reached.memory, reached.gadgets, {.observer = &killer});
        (void)thread->SystemCall(SYS_getpid, {});
        (void)thread->Call(RemoteAddress(target.shared().function), AddressOf(target.shared().result));
        (void)thread->GiveBack();
      });
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(injector, &status, 0);
    died = WIFSIGNALED(status);
    const int rounds = target.shared().rounds;
    ASSERT_TRUE(Eventually([&] { return target.shared().rounds > rounds + 3; })) << "after step " << step;
  }
  EXPECT_GT(step, 10);
}

}  // namespace
}  // namespace pyleak::attach
