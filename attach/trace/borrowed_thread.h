#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "attach/base/result.h"
#include "attach/memory/process_memory.h"
#include "attach/proc/maps.h"
#include "attach/proc/process_identity.h"
#include "attach/trace/arch/signal_frame.h"
#include "attach/trace/frozen_thread.h"
#include "attach/trace/step_observer.h"
#include "attach/trace/stop.h"

namespace pyleak::attach {

struct BorrowOptions {
  /// How long to look for a thread that can be borrowed without harm; most processes have one at once.
  std::chrono::milliseconds limit = std::chrono::seconds(10);
  StepObserver* observer = nullptr;
};

/// One thread of the target, borrowed to run system calls or functions of the agent, which then gets home by itself.
///
/// Before its first register is changed, a signal frame below its stack holds all that it is to have again, and libc's
/// sigreturn trampoline is where whatever it runs returns to. So the death of pyleak at any instruction leaves a thread
/// that finishes what it was given and goes home. Like FrozenThread it belongs into one call of Tracer::Run.
class BorrowedThread {
 public:
  /// Stops the thread that is disturbed least. `memory` must outlive the object.
  /// kTimedOut: none was fit to be borrowed, and what they do. kRefused: a system call of ours might kill this process.
  /// kNoSuchProcess: it has ended, or begun another program than the one `memory` and `gadgets` belong to.
  static Result<BorrowedThread> Borrow(const ProcessIdentity& process, const ProcessMemory& memory,
                                       const arch::Gadgets& gadgets, const BorrowOptions& options);

  BorrowedThread(BorrowedThread&&) noexcept = default;
  BorrowedThread& operator=(BorrowedThread&&) = delete;
  ~BorrowedThread();

  /// What the kernel returned, a negative errno included.
  /// After any Error the thread is on its way home by itself and the object is of no further use.
  Result<std::int64_t> SystemCall(std::int64_t number, std::span<const std::uint64_t> arguments);
  /// Runs a `void(void)` of the agent, which stores its result at `result_at` last of all. The thread then goes home at
  /// once, without being stopped at each step: after this nothing is left to do but to give it back.
  Result<std::int64_t> Call(RemoteAddress function, RemoteAddress result_at);

  /// Lets the thread go on where it was; for how long it was held.
  Result<std::chrono::nanoseconds> GiveBack();

 private:
  BorrowedThread(std::unique_ptr<ThreadLook> look, FrozenThread frozen, const ProcessMemory& memory,
                 const arch::Gadgets& gadgets, std::unique_ptr<arch::SignalFrame> frame, StepObserver* observer)
      : look_(std::move(look)),
        frozen_(std::move(frozen)),
        memory_(&memory),
        gadgets_(gadgets),
        frame_(std::move(frame)),
        observer_(observer) {}

  static Result<std::optional<BorrowedThread>> TryThread(std::unique_ptr<ThreadLook> look, const ProcessMemory& memory,
                                                         const arch::Gadgets& gadgets, const MemoryMap& map,
                                                         StepObserver* observer);

  /// Sets the thread to begin at `entry` and then to go home.
  Result<void> Send(const arch::NativeRegisters& entry);
  /// Lets it run until it is about to return by the frame; the result of its last system call.
  Result<std::int64_t> RunUntilReturn();
  Result<std::int64_t> RunUntilStored(RemoteAddress result_at);
  /// Stops the thread wherever it has got to on its way home, or at home: in the agent as a rule, where it lingers for
  /// us, so that no wait of the program's is interrupted.
  Result<void> Catch(RemoteAddress result_at);
  Result<Stop> Resume(std::uint64_t request, std::chrono::steady_clock::time_point deadline);
  Result<void> GoHome();
  /// What became of a thread that is not ours to let go any more.
  Error Lost(StopKind kind);
  /// A signal on its way to the thread: it gets it, unless it is a fault of our own call.
  Result<void> TakeSignal(int signal);
  void Observe(const char* step) const;

  std::unique_ptr<ThreadLook> look_;
  FrozenThread frozen_;
  const ProcessMemory* memory_;
  arch::Gadgets gadgets_;
  std::unique_ptr<arch::SignalFrame> frame_;
  StepObserver* observer_;
  bool away_ = false;       ///< In our call, or about to return from it.
  bool returning_ = false;  ///< At the entry of rt_sigreturn(2).
  int signal_ = 0;          ///< Goes to the thread when it is resumed.
};

/// kRefused: a system call of ours, or a return that the program did not prepare, might be fatal to this process.
Result<void> CheckThatCallsAreSafe(const ProcessIdentity& process);

}  // namespace pyleak::attach
