#pragma once

#include <chrono>
#include <optional>
#include <span>

#include "attach/trace/thread_look.h"
#include "cli/explain/evidence.h"

namespace pyleak::cli {

/// How the time of a block divides. Times in seconds are known only where the block was measured.
struct Shares {
  std::chrono::nanoseconds cpu{};
  std::chrono::nanoseconds runqueue{};
  std::chrono::nanoseconds stopped{};  ///< By a signal or a debugger.
  std::chrono::nanoseconds asleep{};
  bool measured = false;  ///< False: from what samples and looks met, and good for comparing only.

  bool operator==(const Shares&) const = default;
};

/// std::nullopt: nothing is known.
std::optional<Shares> DivideTime(const BlockEvidence& evidence);

/// In a stop: of job control (SIGSTOP, Ctrl-Z), or a debugger's.
inline bool IsStopped(const SeenActivity& seen) { return seen.state == 'T' || seen.state == 't'; }
inline bool IsAsleep(const SeenActivity& seen) { return !seen.activity.running && !IsStopped(seen); }

}  // namespace pyleak::cli
