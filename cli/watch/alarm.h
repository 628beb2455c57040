#pragma once

#include <chrono>
#include <optional>
#include <span>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"

namespace pyleak::cli {

/// What wakes the watching thread: time, a signal to pyleak, the end of a process, another thread of ours.
///
/// The signals are blocked from then on in the thread that made it and in those that come after, and are read from
/// here: it must be made before any other thread of ours.
class Alarm {
 public:
  /// `signals`: to be taken from now on.
  static Result<Alarm> Make(std::span<const int> signals);

  /// Sleeps for `time`, or until a signal, Ring() or the end of one of the processes.
  void Sleep(std::chrono::nanoseconds time, std::span<const int> pidfds);
  /// A signal that has come, each once.
  std::optional<int> TakeSignal();
  /// From any thread: ends the current or the next sleep.
  void Ring();

 private:
  Alarm(UniqueFd signals, UniqueFd bell) : signals_(std::move(signals)), bell_(std::move(bell)) {}

  UniqueFd signals_;
  UniqueFd bell_;
};

}  // namespace pyleak::cli
