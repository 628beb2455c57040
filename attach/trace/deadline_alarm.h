#pragma once

#include <chrono>

namespace pyleak::attach {

/// While it lives, blocking system calls of the calling thread fail with EINTR from `deadline` on, again and again: the
/// one way to wait for a ptrace stop both at once and not for ever. Takes SIGRTMAX for itself, with a handler that does
/// nothing. One at a time in each thread.
class DeadlineAlarm {
 public:
  explicit DeadlineAlarm(std::chrono::steady_clock::time_point deadline);
  DeadlineAlarm(const DeadlineAlarm&) = delete;
  DeadlineAlarm& operator=(const DeadlineAlarm&) = delete;
  ~DeadlineAlarm();
};

}  // namespace pyleak::attach
