#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "attach/heartbeat/heartbeat.h"

namespace pyleak::attach {

struct DetectorOptions {
  std::chrono::nanoseconds threshold;       ///< An iteration of at least this length is a block.
  std::chrono::nanoseconds check_interval;  ///< How often an idle loop is looked at.
  HeartbeatTime not_before{};               ///< No iteration can have begun earlier.
};

/// What a look at a loop asks for. Times are the target's.
struct Decision {
  /// A sample is wanted of the current iteration, because it passes the threshold or has grown much older.
  bool sample = false;
  bool onset = false;      ///< The current iteration has just passed the threshold.
  bool ongoing = false;    ///< It has become 1 s old, or twice as old as when this was last said.
  bool discarded = false;  ///< The iteration that samples were taken of has ended in time.
  /// Finished blocks, oldest first. The one whose begin was sampled may be among them.
  std::vector<Iteration> finished;
  /// Iterations that somebody has forged: they end in the future, or begin before the one before them has ended.
  std::uint64_t impossible = 0;
  HeartbeatTime look_again_at{};
};

/// Decides, for one loop, when to look, when to sample and what to report. Pure: values in, values out.
class Detector {
 public:
  explicit Detector(const DetectorOptions& options) : options_(options), latest_end_(options.not_before) {}

  /// `finished` must have been read after `reading`, so that an iteration which `reading` shows to be over is in it.
  Decision Look(const SlotReading& reading, std::span<const Iteration> finished, HeartbeatTime now);

  /// How long before the threshold the first sample is taken: a block that only just passes it has a stack too.
  [[nodiscard]] std::chrono::nanoseconds head_start() const;

 private:
  /// An iteration that has been sampled, or soon will be.
  struct Suspect {
    HeartbeatTime begin;
    HeartbeatTime sample_at;
    HeartbeatTime ongoing_at;
    int samples = 0;
    bool past_threshold = false;
  };

  void Follow(Suspect& suspect, HeartbeatTime now, Decision& decision) const;

  DetectorOptions options_;
  std::optional<Suspect> suspect_;
  HeartbeatTime latest_end_;  ///< Of what has been finished.
};

/// How often the loops must be looked at so that nothing is overlooked: a ring of finished blocks must not fill up,
/// and a block must be seen before it passes the threshold.
std::chrono::nanoseconds EffectiveCheckInterval(const DetectorOptions& options);

}  // namespace pyleak::attach
