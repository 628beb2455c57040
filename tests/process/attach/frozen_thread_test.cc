#include "attach/trace/frozen_thread.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <vector>

#include "attach/memory/process_memory.h"
#include "attach/proc/thread_status.h"
#include "attach/trace/tracer.h"
#include "tests/process/attach/forked_target.h"
#include "tests/process/attach/injection_target.h"

namespace pyleak::attach {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::Eventually;
using test::ForkedTarget;
using test::ProgramTarget;
using test::Vfork;

struct Waits {
  std::atomic<int> finished{0};
  std::atomic<int> interrupted{0};
  std::atomic<int> early{0};
  std::atomic<int> late{0};
  std::atomic<int> signals{0};
  std::atomic<std::uint64_t> marker{0};
};

int EpollWait(int timeout_ms) {
  static const int epoll = ::epoll_create1(0);
  epoll_event event{};
  return ::epoll_wait(epoll, &event, 1, timeout_ms);
}

int EpollWaitByTimespec(int timeout_ms) {
  static const int epoll = ::epoll_create1(0);
  epoll_event event{};
  const timespec timeout = {0, timeout_ms * 1'000'000L};
  return static_cast<int>(::syscall(SYS_epoll_pwait2, epoll, &event, 1, &timeout, nullptr, 0));
}

int PollWait(int timeout_ms) { return ::poll(nullptr, 0, timeout_ms); }

/// Waits on nothing again and again, and compares each wait with its own clock.
void WaitRepeatedly(Waits& waits, int timeout_ms, int (*wait)(int)) {
  for (;;) {
    const auto begin = steady_clock::now();
    if (wait(timeout_ms) < 0) waits.interrupted += errno == EINTR ? 1 : 0;
    const auto lasted = steady_clock::now() - begin;
    if (lasted < milliseconds(timeout_ms)) ++waits.early;
    if (lasted > milliseconds(timeout_ms) * 2 + milliseconds(30)) ++waits.late;
    ++waits.finished;
  }
}

/// A busy machine makes some late; were a timeout begun anew with each stop, hardly one would be in time.
void ExpectFewLate(const Waits& waits) { EXPECT_LT(waits.late * 4, waits.finished); }

Result<std::optional<FrozenThread>> FreezeMain(ThreadLook& look) { return FrozenThread::Freeze(look, {}); }

TEST(FrozenThread, LeavesNoTraceInAWaitThatItInterrupts) {
  const ForkedTarget<Waits> target([](Waits& waits) { WaitRepeatedly(waits, 5, EpollWait); });
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  ASSERT_TRUE(look.ok());
  Tracer tracer;
  ASSERT_TRUE(Eventually([&] { return target.shared().finished > 2; }));
  int frozen_count = 0;
  int in_wait_count = 0;
  while (frozen_count < 300) {
    const bool was_in_wait = tracer.Run([&] {
      // As the watcher does: a thread that is seen in its wait is left alone.
      if (look->Look()->system_call == SYS_epoll_wait) return true;
      auto frozen = FreezeMain(*look);
      EXPECT_TRUE(frozen.ok() && frozen->has_value());
      ++frozen_count;
      return false;
    });
    in_wait_count += was_in_wait ? 1 : 0;
  }
  const int finished = target.shared().finished;
  EXPECT_TRUE(Eventually([&] { return target.shared().finished > finished; }));
  EXPECT_EQ(target.shared().interrupted, 0);
  EXPECT_EQ(target.shared().early, 0);
  ExpectFewLate(target.shared());
}

/// Freezes the target again and again, in its waits and between them.
void FreezeWithoutLooking(const ForkedTarget<Waits>& target, const FreezeOptions& options) {
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  ASSERT_TRUE(look.ok());
  Tracer tracer;
  for (int i = 0; i < 400; ++i) {
    tracer.Run([&] {
      const auto frozen = FrozenThread::Freeze(*look, options);
      EXPECT_TRUE(frozen.ok()) << frozen.error().what;
    });
    std::this_thread::sleep_for(std::chrono::microseconds(i * 7));
  }
  const int finished = target.shared().finished;
  EXPECT_TRUE(Eventually([&] { return target.shared().finished > finished; }));
  EXPECT_EQ(target.shared().interrupted, 0);
  EXPECT_EQ(target.shared().early, 0);
  ExpectFewLate(target.shared());
}

TEST(FrozenThread, EndsNoWaitEarly) {
  FreezeWithoutLooking(ForkedTarget<Waits>([](Waits& waits) { WaitRepeatedly(waits, 5, EpollWait); }), {});
}

/// Only when nobody else on its processor has anything to do, where `idle`.
void ShareOneProcessor(bool idle) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  ::sched_setaffinity(0, sizeof(one), &one);
  const sched_param none{};
  if (idle) ::sched_setscheduler(0, SCHED_IDLE, &none);
}

TEST(FrozenThread, WaitsForAThreadThatGetsNoProcessor) {
  const ForkedTarget<Waits> target([](Waits& waits) {
    ShareOneProcessor(true);
    WaitRepeatedly(waits, 20, EpollWait);
  });
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  ASSERT_TRUE(Eventually([&] { return target.shared().finished > 2; }));
  const ForkedTarget<Waits> hog([](Waits& waits) {
    ShareOneProcessor(false);
    for (;;) ++waits.marker;
  });
  ASSERT_TRUE(Eventually([&] { return hog.shared().marker > 0; }));
  Tracer tracer;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(Eventually([&] { return look->Look()->system_call == SYS_epoll_wait; }));
    tracer.Run([&] {
      const auto frozen = FrozenThread::Freeze(*look, {.limit = milliseconds(1)});
      EXPECT_TRUE(frozen.ok()) << frozen.error().what;
    });
  }
  const int finished = target.shared().finished;
  EXPECT_TRUE(Eventually([&] { return target.shared().finished > finished; }));
  EXPECT_EQ(target.shared().interrupted, 0);
  EXPECT_EQ(target.shared().early, 0);
}

TEST(FrozenThread, EndsNoWaitByTimespecEarly) {
  if (EpollWaitByTimespec(0) < 0 && errno == ENOSYS) GTEST_SKIP() << "no epoll_pwait2 before Linux 5.11";
  FreezeWithoutLooking(ForkedTarget<Waits>([](Waits& waits) { WaitRepeatedly(waits, 5, EpollWaitByTimespec); }), {});
}

TEST(FrozenThread, EndsNoPollEarly) {
  const ForkedTarget<Waits> target([](Waits& waits) { WaitRepeatedly(waits, 5, PollWait); });
  FreezeWithoutLooking(target, {});
  FreezeWithoutLooking(target, {.renew_poll = true});
}

TEST(FrozenThread, LeavesAPollThatItRenewsAsOne) {
  const ForkedTarget<Waits> target([](Waits& waits) { WaitRepeatedly(waits, 60'000, PollWait); });
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  // One that remembers nothing says what the kernel says.
  const auto system_call = [&] { return ThreadLook::Open(look->thread())->Look()->system_call; };
  ASSERT_TRUE(Eventually([&] { return system_call() == SYS_poll; }));
  Tracer tracer;
  tracer.Run([&] { EXPECT_TRUE(FrozenThread::Freeze(*look, {.renew_poll = true}).ok()); });
  ASSERT_TRUE(Eventually([&] { return system_call() >= 0; }));
  EXPECT_EQ(system_call(), SYS_poll);
  tracer.Run([&] { EXPECT_TRUE(FrozenThread::Freeze(*look, {}).ok()); });
  EXPECT_TRUE(Eventually([&] { return system_call() == SYS_restart_syscall; })) << "else the kernel keeps its time";
}

TEST(FrozenThread, KnowsTheCallThatItInterruptsAlsoWhenItHasAnotherNumber) {
  const ForkedTarget<Waits> target([](Waits& waits) { WaitRepeatedly(waits, 60'000, PollWait); });
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  ASSERT_TRUE(Eventually([&] { return ThreadLook::Open(look->thread())->Look()->system_call == SYS_poll; }));
  Tracer tracer;
  const auto system_call_of = [&](ThreadLook& thread) {
    std::int64_t system_call = -1;
    tracer.Run([&] {
      const auto frozen = FrozenThread::Freeze(thread, {});
      if (frozen.ok() && frozen->has_value()) system_call = (*frozen)->activity().system_call;
    });
    return system_call;
  };
  EXPECT_EQ(system_call_of(*look), SYS_poll);
  EXPECT_EQ(system_call_of(*look), SYS_poll);
  EXPECT_TRUE(Eventually([&] { return look->Look()->system_call == SYS_poll; })) << "once it runs no more";
}

TEST(FrozenThread, KeepsTheTimeoutOfAWait) {
  const ForkedTarget<Waits> target([](Waits& waits) { WaitRepeatedly(waits, 150, EpollWait); });
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  ASSERT_TRUE(look.ok());
  Tracer tracer;
  for (int waits = 0; waits < 5; ++waits) {
    const int finished = target.shared().finished;
    ASSERT_TRUE(Eventually([&] { return target.shared().finished > finished; }));
    for (int i = 0; i < 4; ++i) {
      std::this_thread::sleep_for(milliseconds(17));
      tracer.Run([&] {
        auto again = ThreadLook::Open(look->thread());
        const auto frozen = FrozenThread::Freeze(*again, {});
        EXPECT_TRUE(frozen.ok()) << frozen.error().what;
      });
    }
  }
  EXPECT_EQ(target.shared().interrupted, 0);
  EXPECT_EQ(target.shared().early, 0);
  EXPECT_EQ(target.shared().late, 0);
}

TEST(FrozenThread, LosesNoSignal) {
  static Waits* seen = nullptr;
  const ForkedTarget<Waits> target([](Waits& waits) {
    seen = &waits;
    struct sigaction action {};
    action.sa_handler = [](int) { ++seen->signals; };
    ::sigaction(SIGUSR1, &action, nullptr);
    const int epoll = ::epoll_create1(0);
    epoll_event event{};
    waits.finished = 1;
    for (;;) {
      if (::epoll_wait(epoll, &event, 1, -1) < 0 && errno == EINTR) ++waits.interrupted;
    }
  });
  ASSERT_TRUE(Eventually([&] { return target.shared().finished == 1; }));
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  Tracer tracer;
  for (int i = 1; i <= 200; ++i) {
    ASSERT_TRUE(Eventually([&] { return look->Look()->system_call == SYS_epoll_wait; }));
    tracer.Run([&] {
      auto frozen = FreezeMain(*look);
      EXPECT_TRUE(frozen.ok() && frozen->has_value());
      // One half while the thread is held; the other half races with the next freeze.
      if (i % 2 == 0) ::kill(target.pid(), SIGUSR1);
    });
    if (i % 2 != 0) {
      ASSERT_TRUE(Eventually([&] { return look->Look()->system_call == SYS_epoll_wait; }));
      ::kill(target.pid(), SIGUSR1);
    }
    if (i % 2 != 0) tracer.Run([&] { EXPECT_TRUE(FreezeMain(*look).ok()); });
    ASSERT_TRUE(Eventually([&] { return target.shared().signals == i; })) << i;
    ASSERT_TRUE(Eventually([&] { return target.shared().interrupted == i; })) << i << ": the EINTR of the signal";
  }
}

TEST(FrozenThread, LeavesAStoppedProcessStopped) {
  const ForkedTarget<Waits> target([](Waits& waits) { WaitRepeatedly(waits, 5, EpollWait); });
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  ::kill(target.pid(), SIGSTOP);
  ASSERT_TRUE(Eventually([&] { return look->State() == 'T'; }));
  Tracer tracer;
  tracer.Run([&] {
    auto frozen = FreezeMain(*look);
    EXPECT_TRUE(frozen.ok() && frozen->has_value());
  });
  EXPECT_TRUE(Eventually([&] { return look->State() == 'T'; }));
  EXPECT_EQ(ReadThreadStatus(look->thread())->tracer_pid, 0);
  const int finished = target.shared().finished;
  ::kill(target.pid(), SIGCONT);
  EXPECT_TRUE(Eventually([&] { return target.shared().finished > finished; }));
}

TEST(FrozenThread, DiesOfASignalAsItWould) {
  for (const int signal : {SIGTERM, SIGKILL}) {
    const ForkedTarget<Waits> target([](Waits& waits) { WaitRepeatedly(waits, 60'000, EpollWait); });
    auto look = ThreadLook::Open({target.pid(), target.pid()});
    ASSERT_TRUE(Eventually([&] { return look->Look()->system_call == SYS_epoll_wait; }));
    Tracer tracer;
    tracer.Run([&] {
      const auto frozen = FreezeMain(*look);
      EXPECT_TRUE(frozen.ok() && frozen->has_value());
      ::kill(target.pid(), signal);
    });
    siginfo_t info{};
    const auto id = static_cast<id_t>(target.pid());
    ASSERT_TRUE(Eventually(
        [&] { return ::waitid(P_PID, id, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == target.pid(); }));
    EXPECT_EQ(info.si_code, CLD_KILLED);
    EXPECT_EQ(info.si_status, signal);
  }
}

TEST(FrozenThread, NamesTheOtherTracer) {
  const ForkedTarget<Waits> target([](Waits& waits) { WaitRepeatedly(waits, 5, EpollWait); });
  const ForkedTarget<std::atomic<long>> other([&](std::atomic<long>& seized) {
    seized = ::ptrace(PTRACE_SEIZE, target.pid(), nullptr, nullptr) == 0 ? 1 : -1;
    for (;;) ::pause();
  });
  ASSERT_TRUE(Eventually([&] { return other.shared() == 1; }));
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  Tracer tracer;
  tracer.Run([&] {
    const auto frozen = FreezeMain(*look);
    ASSERT_FALSE(frozen.ok());
    EXPECT_EQ(frozen.error().code, ErrorCode::kAlreadyTraced);
    EXPECT_NE(frozen.error().what.find(std::to_string(other.pid())), std::string::npos) << frozen.error().what;
  });
}

TEST(FrozenThread, DoesNotTakeItselfForAnother) {
  const ForkedTarget<Waits> target([](Waits& waits) { WaitRepeatedly(waits, 5, EpollWait); });
  Tracer other;
  other.Run([&] { ASSERT_EQ(::ptrace(PTRACE_SEIZE, target.pid(), nullptr, nullptr), 0); });
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  Tracer tracer;
  tracer.Run([&] {
    const auto frozen = FreezeMain(*look);
    ASSERT_FALSE(frozen.ok());
    EXPECT_EQ(frozen.error().code, ErrorCode::kTimedOut);
  });
}

TEST(FrozenThread, SaysThatAThreadHasEnded) {
  const ForkedTarget<Waits> target([](Waits&) {});
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  ASSERT_TRUE(Eventually([&] { return look->State() == 'Z'; }));
  Tracer tracer;
  tracer.Run([&] {
    const auto frozen = FreezeMain(*look);
    EXPECT_TRUE(frozen.ok() && !frozen->has_value());
  });
}

TEST(FrozenThread, DoesNotWaitForUninterruptibleSleep) {
  const ProgramTarget<Vfork> target(INJECTION_TARGET, "vfork");
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  ASSERT_TRUE(Eventually([&] { return target.shared().child_runs == 1 && look->State() == 'D'; }));
  Tracer tracer;
  tracer.Run([&] {
    const auto frozen = FreezeMain(*look);
    ASSERT_FALSE(frozen.ok());
    EXPECT_EQ(frozen.error().code, ErrorCode::kTimedOut);
  });
  target.shared().child_may_end = 1;
  EXPECT_TRUE(Eventually([&] { return target.shared().finished == 1; }));
}

TEST(FrozenThread, CopiesRegistersAndStack) {
  const ForkedTarget<Waits> target([](Waits& waits) {
    volatile std::uint64_t words[2] = {0x0123456789abcdef, 0};
    waits.marker = reinterpret_cast<std::uint64_t>(&words[0]);
    for (;;) words[1] = words[1] + 1;
  });
  ASSERT_TRUE(Eventually([&] { return target.shared().marker != 0; }));
  const auto identity = ProcessIdentity::Open(target.pid());
  const auto memory = ProcessMemory::Open(*identity);
  auto look = ThreadLook::Open({target.pid(), target.pid()});
  CaptureBuffer buffer;
  Tracer tracer;
  std::vector<std::chrono::nanoseconds> held;
  for (int i = 0; i < 50; ++i) {
    tracer.Run([&] {
      auto frozen = FreezeMain(*look);
      ASSERT_TRUE(frozen.ok() && frozen->has_value());
      (*frozen)->CaptureStack(*memory, buffer);
      held.push_back((*frozen)->LetGo());
    });
  }
  const StackSnapshot snapshot = buffer.Snapshot();
  EXPECT_FALSE(snapshot.truncated());
  EXPECT_EQ(snapshot.ReadValue<std::uint64_t>(RemoteAddress(target.shared().marker)), 0x0123456789abcdefU);
  EXPECT_NE(snapshot.registers().thread_pointer, RemoteAddress());
  std::ranges::sort(held);
  std::printf("held for %.1f us (median of %zu)\n", static_cast<double>(held[held.size() / 2].count()) / 1e3,
              held.size());
}

}  // namespace
}  // namespace pyleak::attach
