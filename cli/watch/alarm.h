#pragma once

#include <chrono>
#include <span>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"

namespace pyleak::cli {

/// What wakes the watching thread.
class Alarm {
 public:
  static Result<Alarm> Make();

  /// Sleeps for `time`, or until one of `descriptors` is readable or somebody rings.
  void Sleep(std::chrono::nanoseconds time, std::span<const int> descriptors) const;
  /// From any thread: ends the current or the next sleep.
  void Ring() const;

 private:
  explicit Alarm(UniqueFd bell) : bell_(std::move(bell)) {}

  UniqueFd bell_;
};

}  // namespace pyleak::cli
