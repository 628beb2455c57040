#pragma once

#include <chrono>
#include <optional>

#include "attach/heartbeat/heartbeat.h"
#include "attach/trace/thread_meter.h"

namespace pyleak::cli {

/// What is certain of a time that was not measured from its very beginning to its very end.
struct TimeBounds {
  std::chrono::nanoseconds least{};
  std::chrono::nanoseconds most{};

  [[nodiscard]] std::chrono::nanoseconds middle() const { return (least + most) / 2; }
  bool operator==(const TimeBounds&) const = default;
};

/// How a thread spent an iteration of its loop. The rest it was asleep or stopped.
struct TimeUse {
  TimeBounds cpu;
  TimeBounds runqueue;  ///< Runnable, but not on a CPU.
};

/// A thread's account at one moment, and how long its loop had been in iterations until then.
struct AccountMark {
  attach::HeartbeatTime at{};
  std::chrono::nanoseconds busy{};
  attach::ThreadAccount account;
};

/// What two marks say of the iteration between them, which they may overlap or leave uncovered at either end: the loop
/// may have run others in between, and the numbers of its busy time are the target's and may be anything.
TimeUse MeasureTimeUse(const AccountMark& before, const AccountMark& after, attach::HeartbeatTime begin,
                       attach::HeartbeatTime end);

/// The same, with what two marks within the iteration say besides.
TimeUse Narrow(const TimeUse& use, const AccountMark& first, const AccountMark& last,
               std::chrono::nanoseconds duration);

}  // namespace pyleak::cli
