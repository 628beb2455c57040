#pragma once

#include <chrono>
#include <optional>

#include "attach/heartbeat/heartbeat.h"
#include "attach/heartbeat/iteration_histogram.h"
#include "cli/report/event.h"

namespace pyleak::cli {

/// What one loop does, in figures: since it is watched, and since the figures were last taken. Pure. Blocks, which only
/// the journal knows, are left out.
class LoopStatistics {
 public:
  explicit LoopStatistics(std::chrono::nanoseconds threshold) : threshold_(threshold) {}

  /// What the slot has counted before that is another loop's.
  void BeginAt(const attach::SlotCounts& counts);
  /// What the slot says at `now`.
  void OnCounts(const attach::SlotCounts& counts, attach::HeartbeatTime now);
  /// An iteration over the threshold has ended: its length is known exactly.
  void OnLongIteration(std::chrono::nanoseconds length);
  /// The loop's thread has been held so long.
  void OnFreeze(std::chrono::nanoseconds held);

  [[nodiscard]] LoopFigures Total() const { return Figures(total_); }
  /// Since the last call.
  LoopFigures TakeInterval();

 private:
  struct Span {
    attach::IterationHistogram iterations;
    std::chrono::nanoseconds busy{};
    std::chrono::nanoseconds waiting{};
    std::chrono::nanoseconds longest{};  ///< Of those over the threshold, and of the current one so far.
    std::uint64_t freezes = 0;
    std::chrono::nanoseconds frozen{};
  };
  template <typename Change>
  void ForBoth(Change change) {
    change(total_);
    change(interval_);
  }
  [[nodiscard]] std::optional<std::chrono::nanoseconds> LongestOf(const Span& span) const;
  [[nodiscard]] LoopFigures Figures(const Span& span) const;

  std::chrono::nanoseconds threshold_;
  attach::IterationHistogram::Counters counters_{};
  std::chrono::nanoseconds busy_{};
  std::chrono::nanoseconds waiting_{};
  Span total_;
  Span interval_;
};

}  // namespace pyleak::cli
