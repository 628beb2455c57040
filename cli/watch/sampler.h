#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "attach/heartbeat/heartbeat.h"
#include "attach/memory/stack_snapshot.h"
#include "attach/trace/capture_buffer.h"
#include "attach/trace/thread_look.h"
#include "attach/trace/tracer.h"
#include "cli/watch/watched_process.h"
#include "symbolize/python/interpreter.h"
#include "symbolize/redaction.h"

namespace pyleak::cli {

struct RawLock;

/// What was copied of a thread while it was held. A value; nothing in it has a name yet.
struct RawSample {
  attach::HeartbeatTime taken_at{};
  std::chrono::nanoseconds freeze{};  ///< How long the thread was held.
  attach::ThreadActivity activity;    ///< What it was doing just before.
  attach::StackSnapshot stack;
  /// The interpreter that the thread may run in, and its frames; null: there is none.
  std::shared_ptr<const symbolize::python::Interpreter> interpreter;
  symbolize::python::RawPythonStack python;
  std::shared_ptr<const RawLock> lock;  ///< What the thread slept for; null: no lock that is known.
};

/// Takes samples: holds one thread, copies its registers, its stack and its interpreter's frames, and lets it go.
class Sampler {
 public:
  /// `locals`: copies local variables too, those that it hides left out; none: no variables.
  explicit Sampler(std::optional<symbolize::Redaction> locals) : locals_(std::move(locals)) {}

  /// A thread that sleeps in a call which a stop would spoil, or cannot reach, is not stopped; see CopySleeping.
  /// Nothing if the thread has ended; an Error if it could not be stopped in time, or is traced by somebody else.
  Result<std::optional<RawSample>> Take(WatchedProcess& process, attach::ThreadLook& thread);

  /// What the stack of a sleeping thread holds, without stopping it: of its registers only two are known, and the
  /// frames of a CPython before 3.11 not at all. Nothing if it has moved meanwhile.
  std::optional<RawSample> CopySleeping(WatchedProcess& process, attach::ThreadLook& thread) const;

  /// How often a thread has been held, and how long in all.
  [[nodiscard]] std::uint64_t freezes() const { return freezes_; }
  [[nodiscard]] std::chrono::nanoseconds frozen() const { return frozen_; }

 private:
  /// For the frames of an interpreter and their variables; the stack has a buffer of its own.
  static constexpr std::size_t kCaptureMemory = std::size_t{4} << 20;

  Result<std::optional<RawSample>> TakeHeld(WatchedProcess& process, attach::ThreadLook& thread);
  /// Null: no variables.
  [[nodiscard]] const symbolize::Redaction* locals() const { return locals_ ? &*locals_ : nullptr; }

  std::optional<symbolize::Redaction> locals_;
  attach::Tracer tracer_{kCaptureMemory};
  attach::CaptureBuffer buffer_;
  std::uint64_t freezes_ = 0;
  std::chrono::nanoseconds frozen_{};
};

/// CLOCK_MONOTONIC now, as pyleak's time namespace shows it.
attach::HeartbeatTime MonotonicNow();

}  // namespace pyleak::cli
