#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "attach/proc/thread_id.h"

namespace pyleak::attach {

/// "se.exec_start" of /proc/PID/task/TID/sched: when the thread last began or ended to run, on its CPU's own clock.
std::optional<std::chrono::nanoseconds> ParseExecutionStart(std::string_view sched);

/// For how long a sleeping thread has not run, and so for how long it has been in the system call that it is in. The
/// clocks of the CPUs differ, so the calling thread goes to the sleeper's CPU for a moment to read its own; it takes
/// some 50 us and disturbs nobody. Never more than is true, and less only by what the question takes.
/// std::nullopt: the kernel does not say.
std::optional<std::chrono::nanoseconds> TimeSinceLastRun(ThreadId thread);

}  // namespace pyleak::attach
