#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "tests/process/attach/blocking_calls.h"

namespace pyleak::test {
namespace {

using std::chrono::milliseconds;
using Make = BlockingCall::Make;

Make Nanosleep(milliseconds duration) {
  return [duration] {
    const timespec time = ToTimespec(duration);
    return ResultOf(::syscall(SYS_nanosleep, &time, nullptr));
  };
}

Make ClockNanosleep(milliseconds duration) {
  return [duration] {
    const timespec time = ToTimespec(duration);
    return ResultOf(::syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, nullptr));
  };
}

Make ClockNanosleepUntil(milliseconds duration) {
  return [duration] {
    const timespec time = FromNow(CLOCK_MONOTONIC, duration);
    return ResultOf(::syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr));
  };
}

Make Poll(milliseconds duration) {
  return [duration] { return ResultOf(::poll(nullptr, 0, static_cast<int>(duration.count()))); };
}

Make Ppoll(milliseconds duration) {
  return [duration] {
    timespec time = ToTimespec(duration);
    return ResultOf(::syscall(SYS_ppoll, nullptr, 0, &time, nullptr, 0));
  };
}

/// The kernel cannot store there what remains, and so cannot restart the call.
Make PpollOfConstantTime(milliseconds duration) {
  constexpr std::size_t kPage = 4096;
  void* page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const timespec time = ToTimespec(duration);
  std::memcpy(page, &time, sizeof(time));
  ::mprotect(page, kPage, PROT_READ);
  return [page] { return ResultOf(::syscall(SYS_ppoll, nullptr, 0, page, nullptr, 0)); };
}

Make Select(milliseconds duration) {
  return [duration] {
    timeval time{0, duration.count() * 1000};
    return ResultOf(::syscall(SYS_select, 0, nullptr, nullptr, nullptr, &time));
  };
}

Make Pselect(milliseconds duration) {
  return [duration] {
    timespec time = ToTimespec(duration);
    return ResultOf(::syscall(SYS_pselect6, 0, nullptr, nullptr, nullptr, &time, nullptr));
  };
}

Make EpollWait(milliseconds duration) {
  return [duration, epoll = ::epoll_create1(0)] {
    epoll_event event{};
    return ResultOf(::epoll_wait(epoll, &event, 1, static_cast<int>(duration.count())));
  };
}

Make EpollPwait(milliseconds duration) {
  return [duration, epoll = ::epoll_create1(0)] {
    epoll_event event{};
    sigset_t mask;
    sigemptyset(&mask);
    return ResultOf(::epoll_pwait(epoll, &event, 1, static_cast<int>(duration.count()), &mask));
  };
}

Make EpollPwait2(milliseconds duration) {
  const int epoll = ::epoll_create1(0);
  epoll_event none{};
  const timespec zero{};
  if (::syscall(SYS_epoll_pwait2, epoll, &none, 1, &zero, nullptr, 0) < 0) return {};
  return [duration, epoll] {
    epoll_event event{};
    const timespec time = ToTimespec(duration);
    return ResultOf(::syscall(SYS_epoll_pwait2, epoll, &event, 1, &time, nullptr, 0));
  };
}

Make EpollWaitForEver(milliseconds duration) {
  const int epoll = ::epoll_create1(0);
  const int bell = ::eventfd(0, 0);
  epoll_event event{EPOLLIN, {}};
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, bell, &event);
  return [=] {
    const Later ring(duration, [bell] { ::eventfd_write(bell, 1); });
    epoll_event ready{};
    const long result = ResultOf(::epoll_wait(epoll, &ready, 1, -1));
    eventfd_t count = 0;
    ::eventfd_read(bell, &count);
    return result;
  };
}

std::uint32_t futex_word = 0;

long Futex(int operation, const timespec* timeout) {
  return ResultOf(::syscall(SYS_futex, &futex_word, operation, 0, timeout, nullptr, FUTEX_BITSET_MATCH_ANY));
}

Make FutexFor(milliseconds duration) {
  return [duration] {
    const timespec time = ToTimespec(duration);
    return Futex(FUTEX_WAIT_PRIVATE, &time);
  };
}

Make FutexUntil(milliseconds duration) {
  return [duration] {
    const timespec time = FromNow(CLOCK_MONOTONIC, duration);
    return Futex(FUTEX_WAIT_BITSET_PRIVATE, &time);
  };
}

/// The word keeps its value, so a waiter who is held just then and begins to wait again would never know: until one
/// wakes, for a second at most.
void WakeFutex() {
  for (int tries = 0; tries < 10'000 && ::syscall(SYS_futex, &futex_word, FUTEX_WAKE_PRIVATE, 1) == 0; ++tries) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

Make FutexForEver(milliseconds duration) {
  return [duration] {
    const Later wake(duration, WakeFutex);
    return Futex(FUTEX_WAIT_PRIVATE, nullptr);
  };
}

/// futex_waitv(2) and its struct, Linux 5.16, which headers of Debian 12 have and older ones have not.
constexpr long kFutexWaitv = 449;
struct FutexWaiter {
  std::uint64_t value = 0;
  std::uint64_t address = reinterpret_cast<std::uint64_t>(&futex_word);
  std::uint32_t flags = 2 | FUTEX_PRIVATE_FLAG;  // FUTEX_32
  std::uint32_t reserved = 0;
};

long FutexWaitv(const timespec* deadline) {
  const FutexWaiter waiter;
  return ResultOf(::syscall(kFutexWaitv, &waiter, 1, 0, deadline, CLOCK_MONOTONIC));
}

bool HasFutexWaitv() {
  const timespec past{};
  return FutexWaitv(&past) == -ETIMEDOUT;
}

Make FutexWaitvUntil(milliseconds duration) {
  if (!HasFutexWaitv()) return {};
  return [duration] {
    const timespec time = FromNow(CLOCK_MONOTONIC, duration);
    return FutexWaitv(&time);
  };
}

Make FutexWaitvForEver(milliseconds duration) {
  if (!HasFutexWaitv()) return {};
  return [duration] {
    const Later wake(duration, WakeFutex);
    return FutexWaitv(nullptr);
  };
}

/// Sends a signal to the calling thread after a time.
Later SignalMe(milliseconds delay, int signal) {
  return {delay, [signal, pid = ::getpid(), tid = ::gettid()] { ::syscall(SYS_tgkill, pid, tid, signal); }};
}

void CatchSignal() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR1, &action, nullptr);
}

Make Pause(milliseconds duration) {
  CatchSignal();
  return [duration] {
    const Later signal = SignalMe(duration, SIGUSR1);
    return ResultOf(::pause());
  };
}

sigset_t OnlySignal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  return set;
}

Make Sigsuspend(milliseconds duration) {
  CatchSignal();
  const sigset_t blocked = OnlySignal();
  ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
  return [duration] {
    const Later signal = SignalMe(duration, SIGUSR1);
    sigset_t open;
    sigemptyset(&open);
    return ResultOf(::sigsuspend(&open));
  };
}

Make Sigwaitinfo(milliseconds duration) {
  const sigset_t set = OnlySignal();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return [duration, set] {
    const Later signal = SignalMe(duration, SIGUSR1);
    return ResultOf(::sigwaitinfo(&set, nullptr));
  };
}

Make Sigtimedwait(milliseconds duration) {
  const sigset_t set = OnlySignal();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return [duration, set] {
    const timespec time = ToTimespec(duration);
    return ResultOf(::sigtimedwait(&set, nullptr, &time));
  };
}

}  // namespace

std::vector<BlockingCall> TimeCalls() {
  using enum Treatment;
  return {
      {"Nanosleep", kStopped, Nanosleep},
      {"ClockNanosleep", kStopped, ClockNanosleep},
      {"ClockNanosleepUntil", kStopped, ClockNanosleepUntil},
      {"Poll", kStopped, Poll},
      {"Ppoll", kStopped, Ppoll},
      {"PpollOfConstantTime", kLeftAlone, PpollOfConstantTime},
      {"Select", kStopped, Select},
      {"Pselect", kStopped, Pselect},
      {"EpollWait", kStopped, EpollWait},
      {"EpollPwait", kStopped, EpollPwait},
      {"EpollPwait2", kStopped, EpollPwait2},
      {"EpollWaitForEver", kStopped, EpollWaitForEver},
      {"FutexFor", kStopped, FutexFor},
      {"FutexUntil", kStopped, FutexUntil},
      {"FutexForEver", kStopped, FutexForEver},
      {"FutexWaitvUntil", kStopped, FutexWaitvUntil},
      {"FutexWaitvForEver", kStopped, FutexWaitvForEver},
      {"Pause", kStopped, Pause},
      {"Sigsuspend", kStopped, Sigsuspend},
      {"Sigwaitinfo", kStopped, Sigwaitinfo},
      {"Sigtimedwait", kLeftAlone, Sigtimedwait},
  };
}

}  // namespace pyleak::test
