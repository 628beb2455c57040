#include "attach/trace/frozen_thread.h"

#include <sys/ptrace.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "attach/proc/thread_status.h"
#include "attach/trace/last_run.h"
#include "attach/trace/stop_safety.h"

namespace pyleak::attach {
namespace {

using std::chrono::steady_clock;

thread_local bool stop_is_pending = false;

bool IsOver(char state) { return state == 'Z' || state == 'X' || state == 'x'; }

bool HasQueuedSignal(int tid, std::uint32_t flags) {
  __ptrace_peeksiginfo_args first{.off = 0, .flags = flags, .nr = 1};
  siginfo_t info;
  return ::ptrace(PTRACE_PEEKSIGINFO, tid, &first, &info) > 0;
}

struct Sleep {
  std::uint64_t number = 0;  ///< Of all of the thread's.
  steady_clock::time_point since;
};

/// To be asked before the thread is disturbed, since a stop counts as a run.
std::optional<Sleep> ReadSleep(ThreadId thread) {
  const auto status = ReadThreadStatus(thread);
  const auto duration = TimeSinceLastRun(thread);
  if (!status || !duration) return std::nullopt;
  return Sleep{status->voluntary_switches, steady_clock::now() - *duration};
}

/// When the sleep began that a stop has ended. The stop is itself one sleep more; with any other in between it was not
/// the one that had been found, but one that has begun since.
steady_clock::time_point BeginOfSleep(ThreadId thread, const Sleep& found) {
  const auto status = ReadThreadStatus(thread);
  return status.ok() && status->voluntary_switches == found.number + 1 ? found.since : steady_clock::now();
}

/// What a thread was doing just before it was seized.
struct Seized {
  ThreadActivity activity;
  bool in_wait = false;  ///< In a system call with a timeout that we may have to renew.
  std::optional<Sleep> sleep;
};

/// A tracer that comes and goes between a refusal and the look for its reason has been there only once or twice.
constexpr int kSeizeTries = 4;

void Observe(StepObserver* observer, const char* step) {
  if (observer != nullptr) observer->At(step);
}

/// Nothing: it has ended.
Result<std::optional<Seized>> Seize(ThreadLook& thread, StepObserver* observer) {
  for (int tries = 1;; ++tries) {
    const auto activity = thread.Look();
    const char state = thread.State();
    if (!activity || IsOver(state)) return std::optional<Seized>();
    // It would stop only when its disk or its vfork child lets it, and a request to stop cannot be taken back.
    if (state == 'D') return Error{ErrorCode::kTimedOut, "the thread is in uninterruptible sleep"};
    // One that is stopped with its process has left its call already.
    if (state != 'T' && !IsSafeToStop(thread.thread(), *activity)) {
      return Error{ErrorCode::kRefused, "the thread sleeps in a system call that a stop would not leave as it is"};
    }
    const bool in_wait = arch::IsTimedWait(activity->system_call);
    const auto sleep = in_wait ? ReadSleep(thread.thread()) : std::nullopt;
    Observe(observer, "seize");
    if (::ptrace(PTRACE_SEIZE, thread.thread().tid, nullptr, nullptr) == 0) {
      return std::optional(Seized{*activity, in_wait, sleep});
    }
    const int error_number = errno;
    if (error_number == ESRCH || IsOver(thread.State())) return std::optional<Seized>();
    if (error_number == EPERM) {
      if (auto untraced = CheckUntraced(thread.thread()); !untraced) return std::move(untraced).error();
      if (tries < kSeizeTries) continue;
    }
    return ErrnoError("tracing thread " + std::to_string(thread.thread().tid), error_number);
  }
}

}  // namespace

bool FrozenThread::stop_pending() { return stop_is_pending; }
void FrozenThread::ExpectLateStop() { stop_is_pending = true; }

Result<std::optional<FrozenThread>> FrozenThread::Freeze(ThreadLook& thread, const FreezeOptions& options) {
  const auto seized = Seize(thread, options.observer);
  if (!seized) return seized.error();
  if (!seized->has_value()) return std::optional<FrozenThread>();
  const auto [activity, in_wait, sleep] = **seized;

  const int tid = thread.thread().tid;
  FrozenThread frozen(thread, activity, options.renew_poll);
  Observe(options.observer, "interrupt");
  // The number may have been given out again; or it has changed hands by an exec, for whose end PTRACE_SEIZE waits. The
  // files that we look through stay those of the thread that was meant.
  if (!thread.Look() || ::ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr) != 0) {
    ExpectLateStop();
    return std::optional<FrozenThread>();
  }
  const Stop stop = WaitForRequestedStop(thread.thread(), options.limit);
  if (stop.kind == StopKind::kLost || stop.kind == StopKind::kTimedOut) ExpectLateStop();
  if (stop.kind == StopKind::kTimedOut) return Error{ErrorCode::kTimedOut, "the thread did not stop in time"};
  if (stop.kind != StopKind::kStopped) return std::optional<FrozenThread>();
  if (!frozen.Adopt(stop)) return std::optional<FrozenThread>();
  frozen.waiting_since_ = Clock::now();
  // At once, as if the call had only just begun: should we die while we ask how long it has lasted, then rather one
  // wait that ends late than an EINTR.
  if (arch::WasInterrupted(frozen.stopped_)) frozen.ReissueSystemCall();
  if (in_wait) frozen.waiting_since_ = sleep ? std::optional(BeginOfSleep(thread.thread(), *sleep)) : std::nullopt;
  if (in_wait || !frozen.reissued_) frozen.ReissueSystemCall();
  return std::optional<FrozenThread>(std::move(frozen));
}

bool FrozenThread::Adopt(const Stop& stop) {
  held_ = true;
  own_stop_ = stop.on_request();
  signal_ = stop.undelivered_signal();
  if (!arch::ReadRegisters(tid(), stopped_)) return false;
  if (const auto call = arch::InterruptedCall(stopped_)) activity_ = thread_->Remember(*call);
  return true;
}

FrozenThread::FrozenThread(FrozenThread&& other) noexcept
    : thread_(other.thread_),
      activity_(other.activity_),
      begin_(other.begin_),
      renew_poll_(other.renew_poll_),
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

bool FrozenThread::IsSignalDue() const {
  // Two quick questions first: the long answer is needed only when some signal waits.
  if (!HasQueuedSignal(tid(), 0) && !HasQueuedSignal(tid(), PTRACE_PEEKSIGINFO_SHARED)) return false;
  const auto status = ReadThreadStatus(thread_->thread());
  if (!status || status->handled_signals() != 0) return true;
  // These end the calls that show an EINTR, and not poll(2).
  return arch::WasInterrupted(stopped_) && status->stopping_signals() != 0;
}

/// Done as soon as the thread has stopped, so that our death after that does not show it an EINTR.
void FrozenThread::ReissueSystemCall() {
  const bool polling = arch::WasPolling(stopped_);
  if (!own_stop_ || !(polling || arch::WasInterrupted(stopped_)) || IsSignalDue()) return;
  const auto again = polling ? arch::ReissuePoll(stopped_, renew_poll_ ? waited() : std::nullopt)
                             : arch::ReissueInterruptedCall(arch::WithTimeoutInRegister(tid(), stopped_), waited());
  reissued_ = again && arch::WriteRegisters(tid(), *again);
}

std::chrono::nanoseconds FrozenThread::LetGo() {
  if (!std::exchange(held_, false)) return {};
  // A signal has come since: let it end the call after all. A later one finds the thread as if just before the call,
  // which could have happened without us too.
  if (reissued_ && IsSignalDue()) arch::WriteRegisters(tid(), stopped_);
  // Killed, or ended by an exec: its zombie would be ours, and its parent or that exec would wait for it.
  if (::ptrace(PTRACE_DETACH, tid(), nullptr, signal_) != 0) ExpectLateStop();
  return Clock::now() - begin_;
}

}  // namespace pyleak::attach
