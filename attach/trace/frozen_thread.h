#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "attach/base/result.h"
#include "attach/memory/memory_reader.h"
#include "attach/proc/thread_id.h"
#include "attach/trace/arch/x86_64.h"
#include "attach/trace/capture_buffer.h"
#include "attach/trace/registers.h"
#include "attach/trace/step_observer.h"
#include "attach/trace/stop.h"
#include "attach/trace/thread_look.h"

namespace pyleak::attach {

struct FreezeOptions {
  /// How long to wait for a thread that may be in uninterruptible sleep. Any other stops as soon as it has a CPU.
  std::chrono::microseconds limit = std::chrono::milliseconds(100);
  /// A poll(2) is begun anew as itself, with what remains of its timeout to the millisecond, rather than by the
  /// kernel's restart_syscall(2), which is exact, but which no thread can be borrowed out of.
  bool renew_poll = false;
  /// Told before the thread is seized, and before it is asked to stop.
  StepObserver* observer = nullptr;
};

/// One thread of the target, held in a ptrace stop.
///
/// Seized, never PTRACE_ATTACHed: no SIGSTOP is sent, a thread that the user had stopped stays stopped, and a signal
/// that arrives meanwhile is handed on. Destruction lets the thread go; so does the death of pyleak. A system call that
/// the stop interrupted is begun again, so that the program sees no EINTR but its own.
///
/// ptrace ties the thread to the thread of ours that froze it: all of an object's life belongs into one call of
/// Tracer::Run. Between Freeze and LetGo allocate, lock and log nothing.
class FrozenThread {
 public:
  /// std::nullopt: the thread has ended, or its number is another's by now. See stop_pending().
  /// kTimedOut: it did not stop in time, or is in uninterruptible sleep and was not asked to. See stop_pending().
  /// kRefused: it sleeps in a system call that a stop would spoil (stop_safety.h).
  /// kAlreadyTraced, kNotPermitted: and by whom, or why.
  static Result<std::optional<FrozenThread>> Freeze(ThreadLook& thread, const FreezeOptions& options);

  /// True when a thread seized by the calling thread of ours may still stop later with nobody to let it go, or has
  /// ended and stays a zombie. Only the end of the calling thread takes that back; Tracer sees to it.
  static bool stop_pending();

  FrozenThread(FrozenThread&& other) noexcept;
  FrozenThread& operator=(FrozenThread&&) = delete;
  ~FrozenThread();

  /// In system calls whose stop shows as an error, rax is that error: the program will not see it.
  [[nodiscard]] Registers registers() const { return arch::ToRegisters(stopped_); }
  /// What the thread was doing when it was frozen; just before, if that was no system call that was to wait on.
  [[nodiscard]] const ThreadActivity& activity() const { return activity_; }

  /// Copies the registers and the stack from the red zone up to its end into `buffer`; one system call.
  void CaptureStack(const MemoryReader& memory, CaptureBuffer& buffer) const;

  /// Ends the stop; the object is empty afterwards. For how long the thread was held, up to now.
  std::chrono::nanoseconds LetGo();

 private:
  friend class BorrowedThread;
  using Clock = std::chrono::steady_clock;

  FrozenThread(ThreadLook& thread, const ThreadActivity& activity, bool renew_poll)
      : thread_(&thread), activity_(activity), begin_(Clock::now()), renew_poll_(renew_poll) {}

  [[nodiscard]] int tid() const { return thread_->thread().tid; }
  /// For how long the thread has been in its wait, and never more than that; std::nullopt where nobody knows.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> waited() const;
  /// True when a signal is about to end the interrupted system call by its own right.
  [[nodiscard]] bool IsSignalDue() const;
  static void ExpectLateStop();
  /// Takes over a thread that has stopped; false when it has ended meanwhile.
  bool Adopt(const Stop& stop);
  void ReissueSystemCall();

  ThreadLook* thread_;
  ThreadActivity activity_;
  Clock::time_point begin_;
  bool renew_poll_ = false;
  std::optional<Clock::time_point> waiting_since_;
  arch::NativeRegisters stopped_;
  int signal_ = 0;         ///< Came before our stop, and goes to the thread with PTRACE_DETACH.
  bool own_stop_ = false;  ///< Stopped for us, not for a signal or a group stop.
  bool reissued_ = false;  ///< The thread is set to begin its interrupted system call again.
  bool held_ = false;
};

}  // namespace pyleak::attach
