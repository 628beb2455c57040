#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "attach/base/result.h"
#include "attach/proc/thread_id.h"

namespace pyleak::attach {

/// What pyleak wants of /proc/PID/task/TID/status (proc(5)). Signal sets have signal n at bit n - 1.
struct ThreadStatus {
  int namespace_tid = 0;       ///< The thread's number as the innermost pid namespace that it is in has it.
  int process_id = 0;          ///< The process that the thread belongs to.
  int tracer_pid = 0;          ///< Of the tracing thread, which need not be its process's first. 0: not traced.
  std::uint32_t user_id = 0;   ///< The real one.
  std::uint32_t group_id = 0;  ///< The real one.
  /// Bit n is capability n of capabilities(7).
  std::uint64_t effective_capabilities = 0;
  std::uint64_t permitted_capabilities = 0;
  int seccomp = 0;  ///< 0 off, 1 strict, 2 filter.
  bool shadow_stack = false;
  std::uint64_t pending_signals = 0;  ///< For the thread and for its process.
  std::uint64_t blocked_signals = 0;
  std::uint64_t caught_signals = 0;
  std::uint64_t voluntary_switches = 0;  ///< How often the thread has gone to sleep.

  /// Pending signals that are about to run a handler of the program. Ignored ones are pending only while the thread is
  /// traced, and end no system call.
  [[nodiscard]] std::uint64_t handled_signals() const;
  /// Pending signals that are about to stop the process.
  [[nodiscard]] std::uint64_t stopping_signals() const;
};

ThreadStatus ParseThreadStatus(std::string_view text);
Result<ThreadStatus> ReadThreadStatus(ThreadId thread);
/// Of any thread by its number alone.
Result<ThreadStatus> ReadThreadStatus(int tid);

}  // namespace pyleak::attach
