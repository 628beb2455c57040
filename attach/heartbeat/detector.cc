#include "attach/heartbeat/detector.h"

#include <algorithm>

namespace pyleak::attach {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

/// Enough to cover our own wake-up on a busy machine, and few enough to waste few freezes on iterations that end just
/// in time.
constexpr nanoseconds kLongestHeadStart = milliseconds(5);

/// Samples are taken at the threshold and then whenever the block is half as old again: 16 of them reach 400 times
/// the threshold, after which a block is not worth another stop.
constexpr int kMostSamples = 16;

/// When a block that lasts is told of for the first time; after that at twice the age each time.
constexpr nanoseconds kFirstOngoing = seconds(1);

}  // namespace

nanoseconds EffectiveCheckInterval(const DetectorOptions& options) {
  return std::clamp<nanoseconds>(options.threshold / 4, std::chrono::microseconds(100), options.check_interval);
}

nanoseconds Detector::head_start() const { return std::min(options_.threshold / 20, kLongestHeadStart); }

Decision Detector::Look(const SlotReading& reading, std::span<const Iteration> finished, HeartbeatTime now) {
  Decision decision;
  for (const Iteration& iteration : finished) {
    if (iteration.end > now || iteration.begin < latest_end_) {
      ++decision.impossible;
      continue;
    }
    latest_end_ = iteration.end;
    if (iteration.end - iteration.begin >= options_.threshold) decision.finished.push_back(iteration);
  }
  const bool busy = reading.busy && reading.since <= now && reading.since >= options_.not_before;
  if (suspect_ && !(busy && reading.since == suspect_->begin)) {
    decision.discarded = std::ranges::none_of(
        decision.finished, [&](const Iteration& iteration) { return iteration.begin == suspect_->begin; });
    suspect_.reset();
  }
  decision.look_again_at = now + EffectiveCheckInterval(options_);
  if (!busy) return decision;
  if (!suspect_) {
    const HeartbeatTime first_sample = reading.since + options_.threshold - head_start();
    suspect_ = Suspect{reading.since, first_sample, reading.since + std::max(kFirstOngoing, 2 * options_.threshold)};
  }
  Follow(*suspect_, now, decision);
  return decision;
}

void Detector::Follow(Suspect& suspect, HeartbeatTime now, Decision& decision) const {
  const HeartbeatTime threshold_at = suspect.begin + options_.threshold;
  if (suspect.samples < kMostSamples) {
    if (now >= suspect.sample_at) {
      decision.sample = true;
      ++suspect.samples;
      suspect.sample_at = std::max(threshold_at, now + (now - suspect.begin) / 2);
    }
    decision.look_again_at = std::min(decision.look_again_at, suspect.sample_at);
  }
  if (!suspect.past_threshold && now >= threshold_at) {
    suspect.past_threshold = true;
    decision.onset = true;
  }
  if (!suspect.past_threshold) decision.look_again_at = std::min(decision.look_again_at, threshold_at);
  if (now >= suspect.ongoing_at) {
    decision.ongoing = true;
    suspect.ongoing_at = now + (now - suspect.begin);
  }
}

}  // namespace pyleak::attach
