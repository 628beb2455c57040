#include "attach/trace/deadline_alarm.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

namespace pyleak::attach {
namespace {

/// A first signal that comes just before the wait would be lost: others follow.
constexpr long kRepeatNanoseconds = 5'000'000;

void DoNothing(int) {}

/// A timer that signals the thread it belongs to. Made once a thread, since that takes longer than a stop.
class ThreadTimer {
 public:
  ThreadTimer() {
    static std::once_flag handler_is_set;
    std::call_once(handler_is_set, [] {
      struct sigaction action {};
      action.sa_handler = DoNothing;  // without SA_RESTART
      ::sigaction(SIGRTMAX, &action, nullptr);
    });
    sigset_t own;
    sigemptyset(&own);
    sigaddset(&own, SIGRTMAX);
    ::pthread_sigmask(SIG_UNBLOCK, &own, nullptr);
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGRTMAX;
    event._sigev_un._tid = ::gettid();  // sigev_notify_thread_id of timer_create(2), which glibc 2.36 does not name
    ::timer_create(CLOCK_MONOTONIC, &event, &timer_);
  }
  ThreadTimer(const ThreadTimer&) = delete;
  ThreadTimer& operator=(const ThreadTimer&) = delete;
  ~ThreadTimer() { ::timer_delete(timer_); }

  void Set(long first_nanoseconds, long repeat_nanoseconds) {
    constexpr long kSecond = 1'000'000'000;
    const itimerspec times{.it_interval = {0, repeat_nanoseconds},
                           .it_value = {first_nanoseconds / kSecond, first_nanoseconds % kSecond}};
    ::timer_settime(timer_, 0, &times, nullptr);
  }

 private:
  timer_t timer_{};
};

ThreadTimer& Timer() {
  thread_local ThreadTimer timer;
  return timer;
}

}  // namespace

DeadlineAlarm::DeadlineAlarm(std::chrono::steady_clock::time_point deadline) {
  const std::chrono::nanoseconds left = deadline - std::chrono::steady_clock::now();
  // 0 would mean never.
  Timer().Set(std::max<long>(left.count(), 1), kRepeatNanoseconds);
}

DeadlineAlarm::~DeadlineAlarm() { Timer().Set(0, 0); }

}  // namespace pyleak::attach
