#pragma once

#include <sys/ptrace.h>

#include <chrono>
#include <csignal>
#include <optional>

#include "attach/base/result.h"
#include "attach/proc/thread_id.h"

namespace pyleak::attach {

enum class StopKind {
  kStopped,  ///< In a ptrace stop; `status` says which.
  kEnded,    ///< The thread has ended, and no longer needs to be let go.
  /// There is none of that number any more, or another: an exec has renamed it, or its end is its parent's to see. If
  /// we still hold it, only the end of the calling thread lets it go.
  kLost,
  kTimedOut,  ///< Neither within the time allowed.
};

struct Stop {
  StopKind kind = StopKind::kTimedOut;
  int status = 0;  ///< The signal, and the PTRACE_EVENT_* in the bits from 8 on (ptrace(2)).

  [[nodiscard]] int signal() const { return status & 0xff; }
  [[nodiscard]] int event() const { return status >> 8; }
  /// At the entry or the exit of a system call (PTRACE_O_TRACESYSGOOD).
  [[nodiscard]] bool at_system_call() const { return status == (SIGTRAP | 0x80); }
  /// Asked for with PTRACE_INTERRUPT.
  [[nodiscard]] bool on_request() const { return event() == PTRACE_EVENT_STOP && signal() == SIGTRAP; }
  /// A signal on its way to the thread, which is lost unless it is handed on when the thread goes on; 0: none.
  [[nodiscard]] int undelivered_signal() const { return event() == 0 && !at_system_call() ? signal() : 0; }
};

/// Waits until a thread that the calling thread has seized stops.
Stop WaitForStop(ThreadId thread, std::chrono::steady_clock::time_point deadline);

/// Waits for the stop that PTRACE_INTERRUPT has asked for. After `limit` a thread in uninterruptible sleep is given up;
/// any other is on its way, woken out of its system call, and would show an EINTR that nobody repairs.
Stop WaitForRequestedStop(ThreadId thread, std::chrono::microseconds limit);

/// Without waiting; std::nullopt: neither stopped nor ended.
std::optional<Stop> PollStop(ThreadId thread);

/// kAlreadyTraced: a tracer holds the thread, and which. kTimedOut: another thread of ours does.
Result<void> CheckUntraced(ThreadId thread);

}  // namespace pyleak::attach
