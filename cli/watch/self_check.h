#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "attach/heartbeat/heartbeat.h"
#include "cli/report/event.h"

namespace pyleak::cli {

/// The clocks at one moment, each in nanoseconds from a beginning of its own.
struct Clocks {
  attach::HeartbeatTime monotonic{};
  std::chrono::nanoseconds realtime{};
  std::chrono::nanoseconds boottime{};  ///< As the monotonic one, and goes on while the machine is suspended.

  static Clocks Now();
};

/// Whether the watch itself can see what it should: it looks in time, and the clocks run on evenly. Pure.
class SelfCheck {
 public:
  SelfCheck(std::chrono::nanoseconds threshold, const Clocks& now) : threshold_(threshold), last_(now) {}

  /// A look begins at `now` that was to begin at `due`. What the user should know of that; a trouble that lasts is told
  /// of once a minute.
  std::vector<Warning> OnLook(attach::HeartbeatTime due, const Clocks& now);

  [[nodiscard]] const Lateness& lateness() const { return lateness_; }

 private:
  std::chrono::nanoseconds threshold_;
  Clocks last_;
  Lateness lateness_;
  std::optional<attach::HeartbeatTime> told_of_lateness_;
};

}  // namespace pyleak::cli
