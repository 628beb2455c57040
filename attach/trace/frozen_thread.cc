#include "attach/trace/frozen_thread.h"

#include <sys/ptrace.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "attach/proc/thread_status.h"
#include "attach/trace/last_run.h"

namespace pyleak::attach {
namespace {

thread_local bool stop_is_pending = false;

bool IsOver(char state) { return state == 'Z' || state == 'X' || state == 'x'; }

/// A look so recent that a wait entered since then has as good as its whole timeout before it.
constexpr std::chrono::milliseconds kRecentLook(1);

bool HasQueuedSignal(int tid, std::uint32_t flags) {
  __ptrace_peeksiginfo_args first{.off = 0, .flags = flags, .nr = 1};
  siginfo_t info;
  return ::ptrace(PTRACE_PEEKSIGINFO, tid, &first, &info) > 0;
}

/// True when a signal is about to end the thread's system call by its own right. Two quick questions first: the long
/// answer is needed only when some signal waits.
bool IsSignalPending(ThreadId thread) {
  if (!HasQueuedSignal(thread.tid, 0) && !HasQueuedSignal(thread.tid, PTRACE_PEEKSIGINFO_SHARED)) return false;
  const auto status = ReadThreadStatus(thread);
  return !status.ok() || status->interrupting_signals() != 0;
}

}  // namespace

bool FrozenThread::stop_pending() { return stop_is_pending; }
void FrozenThread::ExpectLateStop() { stop_is_pending = true; }

Result<std::optional<FrozenThread>> FrozenThread::Freeze(ThreadLook& thread, const FreezeOptions& options) {
  const auto activity = thread.Look();
  const char state = thread.State();
  if (!activity || IsOver(state)) return std::optional<FrozenThread>();
  // It would stop only when its disk or its vfork child lets it, and a request to stop cannot be taken back.
  if (state == 'D') return Error{ErrorCode::kTimedOut, "the thread is in uninterruptible sleep"};

  // Nobody has said how long it has been waiting: its scheduler knows.
  const bool ask = !options.waiting_since && arch::HasTimeoutInRegister(activity->system_call);
  const auto asleep = ask ? TimeSinceLastRun(thread.thread()) : std::nullopt;

  const int tid = thread.thread().tid;
  if (::ptrace(PTRACE_SEIZE, tid, nullptr, nullptr) != 0) {
    const int error_number = errno;
    if (error_number == ESRCH || IsOver(thread.State())) return std::optional<FrozenThread>();
    return SeizeError(thread.thread(), error_number);
  }
  FrozenThread frozen(thread, *activity, Clock::now());
  if (thread.outside_wait_at() > frozen.begin_ - kRecentLook) {
    frozen.waiting_since_ = frozen.begin_;
  } else if (options.waiting_since) {
    frozen.waiting_since_ = std::max(*options.waiting_since, thread.reissued_at());
  } else if (asleep) {
    frozen.waiting_since_ = frozen.begin_ - *asleep;
  }
  ::ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
  const Stop stop = WaitForStop(thread.thread(), frozen.begin_ + options.limit);
  if (stop.kind == StopKind::kEnded) return std::optional<FrozenThread>();
  if (stop.kind == StopKind::kTimedOut) {
    ExpectLateStop();
    return Error{ErrorCode::kTimedOut, "the thread did not stop in time"};
  }
  if (!frozen.Adopt(stop)) return std::optional<FrozenThread>();
  return std::optional<FrozenThread>(std::move(frozen));
}

bool FrozenThread::Adopt(const Stop& stop) {
  held_ = true;
  own_stop_ = stop.on_request();
  signal_ = stop.undelivered_signal();
  if (!arch::ReadRegisters(tid(), stopped_)) return false;
  ReissueSystemCall();
  return true;
}

FrozenThread::FrozenThread(FrozenThread&& other) noexcept
    : thread_(other.thread_),
      activity_(other.activity_),
      begin_(other.begin_),
      waiting_since_(other.waiting_since_),
      stopped_(other.stopped_),
      signal_(other.signal_),
      own_stop_(other.own_stop_),
      reissued_(other.reissued_),
      held_(std::exchange(other.held_, false)) {}

FrozenThread::~FrozenThread() { LetGo(); }

void FrozenThread::CaptureStack(const MemoryReader& memory, CaptureBuffer& buffer) const {
  buffer.registers_ = registers();
  buffer.base_ = arch::LiveStackBegin(stopped_);
  buffer.used_ = memory.Read(buffer.base_, buffer.bytes_);
}

std::optional<std::chrono::nanoseconds> FrozenThread::waited() const {
  if (!waiting_since_) return std::nullopt;
  return Clock::now() - *waiting_since_;
}

/// Done as soon as the thread has stopped, so that even our death does not show it an EINTR.
void FrozenThread::ReissueSystemCall() {
  if (!own_stop_ || !arch::WasInterrupted(stopped_) || IsSignalPending(thread_->thread())) return;
  const auto again = arch::ReissueInterruptedCall(stopped_, waited());
  reissued_ = again && arch::WriteRegisters(tid(), *again);
  if (reissued_) thread_->set_reissued_at(Clock::now());
}

std::chrono::nanoseconds FrozenThread::LetGo() {
  if (!std::exchange(held_, false)) return {};
  // A signal has come since: let it end the call after all. A later one finds the thread as if just before the call,
  // which could have happened without us too.
  if (reissued_ && IsSignalPending(thread_->thread())) arch::WriteRegisters(tid(), stopped_);
  ::ptrace(PTRACE_DETACH, tid(), nullptr, signal_);
  return Clock::now() - begin_;
}

}  // namespace pyleak::attach
