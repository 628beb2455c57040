#include "cli/watch/sampler.h"

#include <utility>

#include "attach/trace/frozen_thread.h"

namespace pyleak::cli {

attach::HeartbeatTime MonotonicNow() { return std::chrono::steady_clock::now().time_since_epoch(); }

Result<std::optional<RawSample>> Sampler::Take(WatchedProcess& process, attach::ThreadLook& thread) {
  if (process.interpreter()) process.interpreter()->Prepare(process.memory());
  auto taken = tracer_.Run([&] { return TakeHeld(process, thread); });
  if (taken && taken->has_value()) {
    ++freezes_;
    frozen_ += (*taken)->freeze;
  }
  // Asleep, either in what a stop would spoil or where none can reach it.
  const bool left_alone =
      !taken && (taken.error().code == ErrorCode::kRefused || taken.error().code == ErrorCode::kTimedOut);
  if (!left_alone) return taken;
  auto copy = CopySleeping(process, thread);
  return copy || taken.error().code == ErrorCode::kRefused ? std::move(copy) : std::move(taken);
}

Result<std::optional<RawSample>> Sampler::TakeHeld(WatchedProcess& process, attach::ThreadLook& thread) {
  const int own_tid = process.namespaces().OwnNumber(thread.thread().tid);
  auto frozen = attach::FrozenThread::Freeze(thread, {});
  if (!frozen) return std::move(frozen).error();
  if (!frozen->has_value()) return std::optional<RawSample>();
  attach::FrozenThread& held = **frozen;
  RawSample sample;
  sample.taken_at = MonotonicNow();
  held.CaptureStack(process.memory(), buffer_);
  if (process.interpreter()) {
    sample.python =
        process.interpreter()->Capture(process.memory(), own_tid, held.registers().thread_pointer, locals());
  }
  sample.activity = held.activity();
  sample.freeze = held.LetGo();
  sample.stack = buffer_.Snapshot();
  sample.interpreter = process.interpreter();
  return std::optional(std::move(sample));
}

std::optional<RawSample> Sampler::CopySleeping(WatchedProcess& process, attach::ThreadLook& thread) const {
  const auto activity = thread.Look();
  if (!activity || activity->running) return std::nullopt;
  RawSample sample;
  sample.activity = *activity;
  sample.taken_at = MonotonicNow();
  attach::Registers registers;
  registers.by_dwarf_number[attach::Registers::kStackPointer] = activity->stack_pointer.value();
  registers.by_dwarf_number[attach::Registers::kProgramCounter] = activity->program_counter.value();
  std::vector<std::byte> bytes(attach::CaptureBuffer::kDefaultBytes);
  bytes.resize(process.memory().Read(activity->stack_pointer, bytes));
  sample.stack = attach::StackSnapshot(registers, activity->stack_pointer, std::move(bytes), false);
  if (process.interpreter()) {
    sample.interpreter = process.interpreter();
    const int own_tid = process.namespaces().OwnNumber(thread.thread().tid);
    sample.python = process.interpreter()->Capture(process.memory(), own_tid, RemoteAddress(), locals());
  }
  if (thread.Look() != activity) return std::nullopt;
  return sample;
}

}  // namespace pyleak::cli
