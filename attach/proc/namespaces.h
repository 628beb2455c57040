#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "attach/base/result.h"
#include "attach/proc/process_identity.h"

namespace pyleak::attach {

/// What a process says of itself, in its own pid and time namespaces, as pyleak has it in its own.
class Namespaces {
 public:
  /// Of the program that the process runs now: exec can bring it into another time namespace.
  static Namespaces Of(const ProcessIdentity& process);

  /// The thread that calls itself so; nothing if it has ended.
  [[nodiscard]] std::optional<int> FindThread(int own_tid) const;
  /// What the thread calls itself; 0 if it has ended.
  [[nodiscard]] int OwnNumber(int tid) const;
  /// CLOCK_MONOTONIC of pyleak minus that of the process.
  [[nodiscard]] std::chrono::nanoseconds clock_offset() const { return clock_offset_; }

 private:
  explicit Namespaces(int pid) : pid_(pid) {}

  int pid_;
  int own_pid_ = 0;
  bool same_numbers_ = false;
  std::chrono::nanoseconds clock_offset_{};
};

/// What /proc/PID/timens_offsets says is added to the machine's CLOCK_MONOTONIC (time_namespaces(7)).
std::optional<std::chrono::nanoseconds> ParseMonotonicOffset(std::string_view text);

}  // namespace pyleak::attach
