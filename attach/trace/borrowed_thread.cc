#include "attach/trace/borrowed_thread.h"

#include <sched.h>
#include <sys/ptrace.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "attach/agent/protocol.h"
#include "attach/proc/living_thread.h"
#include "attach/proc/thread_status.h"
#include "attach/trace/borrow_candidates.h"
#include "attach/trace/borrow_choice.h"

namespace pyleak::attach {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// One call takes 40 to 100 us; this is for a machine that has no CPU to spare.
constexpr milliseconds kCallLimit(2000);
constexpr milliseconds kStopLimit(1000);
constexpr milliseconds kRetryPause(2);
/// How long to wait for a moment at which no wait has to be interrupted, and how often to look for it: a loop that has
/// work to do runs now and then.
constexpr milliseconds kPatienceWithWaits(10);
constexpr std::chrono::microseconds kLookPause(50);
/// A tracer that only takes a look (another pyleak, py-spy) is gone sooner.
constexpr milliseconds kOtherTracerLimit(200);
/// A call of ours makes a dozen system calls at the most, each with two stops.
constexpr int kMostStops = 10'000;

constexpr std::uint64_t Bit(int signal) { return std::uint64_t{1} << (signal - 1); }
/// Faults stay open: were they blocked, the kernel would take the program's handler away to kill it (force_sig_info).
constexpr std::uint64_t kFaults = Bit(SIGSEGV) | Bit(SIGBUS) | Bit(SIGILL) | Bit(SIGFPE) | Bit(SIGTRAP) | Bit(SIGSYS);

/// PTRACE_GET_RSEQ_CONFIGURATION, Linux 5.13, include/uapi/linux/ptrace.h; struct rseq, include/uapi/linux/rseq.h.
constexpr auto kGetRseqConfiguration = static_cast<__ptrace_request>(0x420f);
constexpr std::uint64_t kRseqCriticalSectionAt = 8;
struct RseqConfiguration {
  std::uint64_t address;
  std::uint32_t size;
  std::uint32_t signature;
  std::uint32_t flags;
  std::uint32_t padding;
};

/// True unless the thread is known to be outside of every restartable sequence, which the kernel would not restart
/// when we take it away in the middle.
bool MayBeInRestartableSequence(int tid, const MemoryReader& memory) {
  RseqConfiguration configuration{};
  if (::ptrace(kGetRseqConfiguration, tid, sizeof(configuration), &configuration) < 0) return true;
  if (configuration.address == 0) return false;
  const auto section = memory.ReadValue<std::uint64_t>(RemoteAddress(configuration.address) + kRseqCriticalSectionAt);
  return section.value_or(1) != 0;
}

}  // namespace

Result<void> CheckThatCallsAreSafe(const ProcessIdentity& process) {
  const auto status = ReadThreadStatus({process.pid(), LivingThread(process.pid())});
  if (!status) return status.error();
  if (status->seccomp != 0) {
    return Error{ErrorCode::kRefused, "the process filters its system calls (seccomp): one of ours might kill it"};
  }
  if (status->shadow_stack) {
    return Error{ErrorCode::kRefused, "the process runs with a shadow stack, which no call of ours can be entered in"};
  }
  return {};
}

Result<BorrowedThread> BorrowedThread::Borrow(const ProcessIdentity& process, const ProcessMemory& memory,
                                              const arch::Gadgets& gadgets, const BorrowOptions& options) {
  if (auto safe = CheckThatCallsAreSafe(process); !safe) return std::move(safe).error();
  const auto begin = steady_clock::now();
  const auto tried_for = [begin] { return steady_clock::now() - begin; };
  for (;;) {
    std::vector<BorrowCandidate> candidates = FindBorrowCandidates(process);
    if (!candidates.empty() && InterruptsWait(candidates.front().rank) && tried_for() < kPatienceWithWaits) {
      std::this_thread::sleep_for(kLookPause);
      continue;
    }
    // A process that sleeps for long is not to pay with a look at its whole map each time.
    const auto map = candidates.empty() ? Result<MemoryMap>(MemoryMap::Parse({})) : MemoryMap::Read(process.pid());
    if (!map) return map.error();
    for (BorrowCandidate& candidate : candidates) {
      auto borrowed = TryThread(std::move(candidate.look), memory, gadgets, *map, options.observer);
      const bool is_traced = !borrowed && borrowed.error().code == ErrorCode::kAlreadyTraced;
      if (is_traced && tried_for() < kOtherTracerLimit) continue;
      // One that did not stop in time must be set free by the end of this thread of ours, and soon.
      if (!borrowed) return std::move(borrowed).error();
      if (borrowed->has_value()) return std::move(**borrowed);
      if (FrozenThread::stop_pending()) {
        return Error{ErrorCode::kNoSuchProcess, "the process ends or begins another program at this moment"};
      }
    }
    if (!process.StillRuns()) return Error{ErrorCode::kNoSuchProcess, "the process has ended"};
    if (tried_for() >= options.limit) return Error{ErrorCode::kTimedOut, WhyNoneIsFit(process)};
    std::this_thread::sleep_for(kRetryPause);
  }
}

Result<std::optional<BorrowedThread>> BorrowedThread::TryThread(std::unique_ptr<ThreadLook> look,
                                                                const ProcessMemory& memory,
                                                                const arch::Gadgets& gadgets, const MemoryMap& map,
                                                                StepObserver* observer) {
  auto frame = std::make_unique<arch::SignalFrame>();
  auto frozen = FrozenThread::Freeze(*look, {.limit = kStopLimit, .renew_poll = true, .observer = observer});
  const bool left_alone =
      !frozen && (frozen.error().code == ErrorCode::kTimedOut || frozen.error().code == ErrorCode::kRefused);
  if (left_alone && !FrozenThread::stop_pending()) return std::optional<BorrowedThread>();
  if (!frozen) return std::move(frozen).error();
  // In the delivery of a signal, or gone.
  if (!frozen->has_value() || (*frozen)->signal_ != 0) return std::optional<BorrowedThread>();
  // As long as the thread is held no other one can get through an exec: it would have to end this one first.
  if (!memory.IsSameProgram(gadgets.system_call)) {
    return Error{ErrorCode::kNoSuchProcess, "the process runs another program now"};
  }

  const FrozenThread& thread = **frozen;
  const int tid = thread.tid();
  const bool in_user_mode = static_cast<std::int64_t>(thread.stopped_.raw.orig_rax) < 0;
  // While its process is stopped, the kernel alone knows how long its wait had lasted before.
  const auto waited = thread.own_stop_ ? thread.waited() : std::nullopt;
  arch::NativeRegisters home;
  const bool fit = arch::MayBorrow(arch::WithTimeoutInRegister(tid, thread.stopped_), thread.own_stop_, waited, home) &&
                   HasRoomOnStack(thread.registers(), tid == look->thread().pid, map) &&
                   !(in_user_mode && MayBeInRestartableSequence(tid, memory)) &&
                   frame->Build(tid, home, gadgets.signal_return) &&
                   frame->bytes().size() < arch::kSignalFrameReach / 2 &&
                   ::ptrace(PTRACE_SETOPTIONS, tid, nullptr, PTRACE_O_TRACESYSGOOD) == 0;
  if (!fit) return std::optional<BorrowedThread>();
  return std::optional<BorrowedThread>(
      BorrowedThread(std::move(look), *std::move(*frozen), memory, gadgets, std::move(frame), observer));
}

BorrowedThread::~BorrowedThread() {
  if (frozen_.held_) (void)GiveBack();
}

void BorrowedThread::Observe(const char* step) const {
  if (observer_ != nullptr) observer_->At(step);
}

Result<std::int64_t> BorrowedThread::SystemCall(std::int64_t number, std::span<const std::uint64_t> arguments) {
  auto sent = Send(arch::EnterSystemCall(frozen_.stopped_, frame_->address(), gadgets_.system_call, number, arguments));
  if (!sent) return std::move(sent).error();
  return RunUntilReturn();
}

Result<std::int64_t> BorrowedThread::Call(RemoteAddress function, RemoteAddress result_at) {
  if (auto cleared = memory_->WriteValue(result_at, std::int64_t{PYLEAK_RESULT_PENDING}); !cleared) {
    return std::move(cleared).error();
  }
  auto sent = Send(arch::EnterFunction(frozen_.stopped_, frame_->address(), function));
  if (!sent) return std::move(sent).error();
  if (frozen_.own_stop_) return RunUntilStored(result_at);
  // Its process is stopped: it must not run a single instruction of the program on its way home.
  if (auto returned = RunUntilReturn(); !returned) return returned;
  const auto result = memory_->ReadValue<std::int64_t>(result_at);
  if (!result) return Error{ErrorCode::kCorrupt, "the result of a call of ours cannot be read"};
  return *result;
}

Result<void> BorrowedThread::Send(const arch::NativeRegisters& entry) {
  const int tid = frozen_.tid();
  Observe("write frame");
  if (auto written = memory_->Write(frame_->address(), frame_->bytes()); !written) return written;
  Observe("set registers");
  if (!arch::WriteRegisters(tid, entry)) return ErrnoError("setting the registers of a borrowed thread");
  away_ = true;
  returning_ = false;
  // Only now: whatever happens from here on, the frame brings the program's own mask back.
  std::uint64_t blocked = ~kFaults;
  ::ptrace(PTRACE_SETSIGMASK, tid, sizeof(blocked), &blocked);
  Observe("run");
  return {};
}

Result<Stop> BorrowedThread::Resume(std::uint64_t request, steady_clock::time_point deadline) {
  const ThreadId thread = frozen_.thread_->thread();
  ::ptrace(static_cast<__ptrace_request>(request), thread.tid, nullptr, std::exchange(signal_, 0));
  const Stop stop = WaitForStop(thread, deadline);
  if (stop.kind == StopKind::kStopped) return stop;
  return Lost(stop.kind);
}

Error BorrowedThread::Lost(StopKind kind) {
  frozen_.held_ = false;
  if (kind != StopKind::kEnded) FrozenThread::ExpectLateStop();
  if (kind != StopKind::kTimedOut) return Error{ErrorCode::kNoSuchProcess, "the thread has ended"};
  return Error{ErrorCode::kTimedOut, "the borrowed thread did not come back in time"};
}

Result<void> BorrowedThread::TakeSignal(int signal) {
  siginfo_t info{};
  ::ptrace(PTRACE_GETSIGINFO, frozen_.tid(), nullptr, &info);
  const bool own_fault = (Bit(signal) & kFaults) != 0 && info.si_code > 0;
  if (!own_fault) {
    // SIGSTOP, or one that somebody sent: all others are blocked.
    signal_ = signal;
    return {};
  }
  arch::WriteRegisters(frozen_.tid(),
                       arch::EnterSignalReturn(frozen_.stopped_, frame_->address(), gadgets_.signal_return));
  return Error{ErrorCode::kCorrupt, "a call of ours failed in the target with signal " + std::to_string(signal)};
}

Result<std::int64_t> BorrowedThread::RunUntilReturn() {
  const int tid = frozen_.tid();
  std::int64_t result = 0;
  const auto deadline = steady_clock::now() + kCallLimit;
  for (int stops = 0; stops < kMostStops; ++stops) {
    auto stop = Resume(PTRACE_SYSCALL, deadline);
    if (!stop) return std::move(stop).error();
    Observe("stop");
    if (const int signal = stop->undelivered_signal(); signal != 0) {
      if (auto taken = TakeSignal(signal); !taken) return std::move(taken).error();
    }
    if (!stop->at_system_call()) continue;
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) < 0) return ErrnoError("PTRACE_GET_SYSCALL_INFO");
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) result = info.exit.rval;
    returning_ = info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == arch::kSignalReturnCall;
    if (returning_) return result;
  }
  return Error{ErrorCode::kCorrupt, "a call of ours did not return"};
}

Result<std::int64_t> BorrowedThread::RunUntilStored(RemoteAddress result_at) {
  const ThreadId thread = frozen_.thread_->thread();
  ::ptrace(PTRACE_CONT, thread.tid, nullptr, nullptr);
  for (const auto deadline = steady_clock::now() + kCallLimit; steady_clock::now() < deadline;) {
    const auto result = memory_->ReadValue<std::int64_t>(result_at);
    if (result && *result != PYLEAK_RESULT_PENDING) {
      Observe("stored");
      auto caught = Catch(result_at);
      return caught.ok() ? Result<std::int64_t>(*result) : std::move(caught).error();
    }
    ::sched_yield();
    // Only a signal stops it: a fault of our call, or SIGSTOP.
    const auto stop = PollStop(thread);
    if (!stop) continue;
    if (stop->kind != StopKind::kStopped) return Lost(stop->kind);
    if (const int signal = stop->undelivered_signal(); signal != 0) {
      if (auto taken = TakeSignal(signal); !taken) return std::move(taken).error();
    }
    ::ptrace(PTRACE_CONT, thread.tid, nullptr, std::exchange(signal_, 0));
  }
  return Lost(StopKind::kTimedOut);
}

Result<void> BorrowedThread::Catch(RemoteAddress result_at) {
  const ThreadId thread = frozen_.thread_->thread();
  ::ptrace(PTRACE_INTERRUPT, thread.tid, nullptr, nullptr);
  const Stop stop = WaitForRequestedStop(thread, kStopLimit);
  if (stop.kind != StopKind::kStopped) {
    (void)Lost(stop.kind);  // What it was borrowed for is done.
    return {};
  }
  away_ = false;
  // What it lingers for; it goes home as soon as it is let go.
  (void)memory_->WriteValue(result_at, std::int64_t{PYLEAK_RESULT_PENDING});
  if (!frozen_.Adopt(stop)) return {};
  // A wait that it has gone back to has only just begun.
  frozen_.waiting_since_ = steady_clock::now();
  frozen_.ReissueSystemCall();
  return {};
}

/// Behind rt_sigreturn(2) everything is as in the frame. One more stop on request, which is of the kind that the thread
/// was taken from, and it can have its very registers back, an interrupted system call included: then the kernel itself
/// restarts or interrupts that, as it would have done without us.
Result<void> BorrowedThread::GoHome() {
  const int tid = frozen_.tid();
  const auto deadline = steady_clock::now() + kCallLimit;
  for (bool returned = false; !returned || away_;) {
    auto stop = Resume(PTRACE_SYSCALL, deadline);
    if (!stop) return std::move(stop).error();
    signal_ = stop->undelivered_signal();
    if (returned && stop->event() == PTRACE_EVENT_STOP) {
      frozen_.own_stop_ = stop->on_request();
      away_ = false;
    } else if (stop->at_system_call() && returning_) {
      returned = true;
      ::ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
    } else if (stop->at_system_call()) {
      __ptrace_syscall_info info{};
      ::ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info);
      returning_ = info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == arch::kSignalReturnCall;
    }
  }
  Observe("at home");
  frozen_.reissued_ = false;
  frozen_.ReissueSystemCall();
  if (frozen_.reissued_) return {};
  // The frame has left a poll about to begin again, and what we found before knows of a deadline that is lost.
  if (frozen_.own_stop_ || !arch::WasPolling(frozen_.stopped_)) arch::WriteRegisters(tid, frozen_.stopped_);
  return {};
}

Result<std::chrono::nanoseconds> BorrowedThread::GiveBack() {
  if (away_) {
    if (auto home = GoHome(); !home) return std::move(home).error();
  }
  Observe("let go");
  return frozen_.LetGo();
}

}  // namespace pyleak::attach
