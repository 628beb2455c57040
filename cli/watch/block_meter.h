#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "attach/heartbeat/heartbeat.h"
#include "attach/trace/thread_look.h"
#include "attach/trace/thread_meter.h"
#include "cli/explain/evidence.h"

namespace pyleak::cli {

/// Measures the iterations of one loop by looks at its thread, none of which stops it: what the scheduler counts, and
/// what a long iteration is seen to do.
class BlockMeter {
 public:
  /// `patience`: the age from which on an iteration is worth looking at what its thread does.
  explicit BlockMeter(std::chrono::nanoseconds patience) : patience_(patience) {}

  /// Whether what the thread was met doing a moment ago belongs to the iteration that was read.
  using Belongs = std::function<bool(const attach::ThreadActivity& met)>;

  /// To be told of each reading of the loop. `now`: the time after it. `thread`: the one that runs the loop.
  void Look(const attach::SlotReading& reading, attach::ThreadLook& thread, attach::HeartbeatTime now,
            const Belongs& belongs);

  /// Of the iteration that began then, which the latest look saw, or the one before it. `end`: now while it lasts.
  [[nodiscard]] BlockMeasure Measure(attach::HeartbeatTime begin, attach::HeartbeatTime end) const;

 private:
  /// One iteration that looks have met.
  struct Met {
    attach::HeartbeatTime begin{};
    std::optional<AccountMark> before;  ///< The last before the iteration, else the first within it.
    std::optional<AccountMark> first;   ///< Within the iteration.
    std::optional<AccountMark> last;
    attach::HeartbeatTime seen_until{};
    std::vector<SeenActivity> seen;
  };

  void LookAtThread(attach::ThreadLook& thread, attach::HeartbeatTime now, const Belongs& belongs);

  std::chrono::nanoseconds patience_;
  std::optional<attach::ThreadMeter> meter_;
  std::optional<AccountMark> latest_;
  Met current_;
  Met previous_;
};

}  // namespace pyleak::cli
