#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/base/result.h"
#include "attach/base/unique_fd.h"
#include "attach/proc/thread_id.h"

namespace pyleak::attach {

/// A thread has come by the instruction: when, and with what in the registers.
struct Passage {
  std::chrono::nanoseconds at{};  ///< CLOCK_MONOTONIC.
  std::uint64_t first_argument = 0;
  RemoteAddress stack_pointer;

  bool operator==(const Passage&) const = default;
};

/// Tells when a thread comes by a system call instruction, without a stop and without a change to its code: a
/// breakpoint of the processor, which the kernel notes for pyleak (perf_event_open(2), PERF_TYPE_BREAKPOINT). Each one
/// costs the thread a few microseconds, so only the first few after Arm() are noted. Of four breakpoints that a thread
/// can have it takes one, and gives it back when it is destroyed, or pyleak ends.
class PassageWatch {
 public:
  /// `system_call`: the instruction. The Error is why the kernel, or the machine, does not do it.
  static Result<PassageWatch> At(ThreadId thread, RemoteAddress system_call);

  PassageWatch(PassageWatch&& other) noexcept
      : thread_(other.thread_), instruction_(other.instruction_), event_(std::move(other.event_)) {}
  PassageWatch& operator=(PassageWatch&&) = default;

  /// The next passages are noted, unless some are being waited for still.
  void Arm();

  /// Those noted since the last call, in order.
  std::vector<Passage> Take();

 private:
  /// The kernel's event, and what it notes.
  class Event {
   public:
    static Result<Event> Open(int tid, RemoteAddress instruction);
    Event() = default;
    Event(Event&& other) noexcept
        : file_(std::move(other.file_)), ring_(std::exchange(other.ring_, {})), noted_(other.noted_) {}
    Event& operator=(Event&& other) noexcept;
    ~Event();

    [[nodiscard]] bool IsSpent() const;
    std::vector<Passage> Take();

   private:
    UniqueFd file_;
    std::span<std::byte> ring_;  ///< The kernel's page of control, and a page of records behind it.
    std::size_t noted_ = 0;
  };

  PassageWatch(ThreadId thread, RemoteAddress instruction, Event event)
      : thread_(thread), instruction_(instruction), event_(std::move(event)) {}
  static bool WorksHere();

  ThreadId thread_;
  RemoteAddress instruction_;
  Event event_;
};

}  // namespace pyleak::attach
