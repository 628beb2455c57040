// An epoll loop that takes signals from everywhere, on a signal stack of its own: an interval timer's, and queued ones
// that are numbered by who sends them, all from its parent. It counts those that come out of order or not as they were
// sent, and the waits that end with EINTR although no handler has run. The argument "restart" sets SA_RESTART.
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string_view>

#include "tests/targets/native/blocks.h"
#include "tests/targets/native/control.h"

namespace {

using pyleak::targets::Control;
using pyleak::targets::Now;

constexpr long kPeriodUs = 3000;
constexpr int kTimeoutMs = 10;

volatile std::sig_atomic_t queued = 0;
volatile std::sig_atomic_t wrong = 0;
volatile std::sig_atomic_t alarms = 0;

void OnQueued(int /*number*/, siginfo_t* info, void* /*context*/) {
  const bool as_sent = info->si_code == SI_QUEUE && info->si_pid == getppid() && info->si_value.sival_int == queued;
  if (!as_sent) wrong = wrong + 1;
  queued = queued + 1;
}

void OnAlarm(int /*number*/, siginfo_t* info, void* /*context*/) {
  if (info->si_code != SI_KERNEL) wrong = wrong + 1;
  alarms = alarms + 1;
}

void Handle(int number, void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | flags;
  sigaction(number, &action, nullptr);
}

void Run(Control& control) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {EPOLLIN, {}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, control.input(), &event);
  while (true) {
    const long handled = queued + alarms;
    const std::int64_t begin = Now();
    const int result = epoll_wait(epoll, &event, 1, kTimeoutMs);
    const bool by_signal = result < 0 && errno == EINTR && queued + alarms != handled;
    if (!by_signal) control.CountWait(result, Now() - begin, kTimeoutMs * 1'000'000L);
    control.CountWork();
    if (result > 0 && !control.Obey()) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  static std::array<char, 65536> memory;
  const stack_t signal_stack = {memory.data(), 0, memory.size()};
  sigaltstack(&signal_stack, nullptr);
  Control control(STDIN_FILENO);
  const int flags = argc > 1 && std::string_view(argv[1]) == "restart" ? SA_RESTART : 0;
  Handle(SIGRTMIN, OnQueued, flags);
  Handle(SIGALRM, OnAlarm, flags);
  const std::int64_t begin = Now();
  const itimerval period = {{0, kPeriodUs}, {0, kPeriodUs}};
  setitimer(ITIMER_REAL, &period, nullptr);
  control.SayReady("generic");
  Run(control);
  const long periods = static_cast<long>((Now() - begin) / (kPeriodUs * 1000));
  std::printf("{\"event\": \"signals\", \"queued\": %d, \"wrong\": %d, \"alarms\": %d, \"periods\": %ld}\n",
              static_cast<int>(queued), static_cast<int>(wrong), static_cast<int>(alarms), periods);
  return 0;
}
