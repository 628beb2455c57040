#include "cli/explain/shares.h"

#include <algorithm>
#include <utility>

namespace pyleak::cli {
namespace {

using std::chrono::nanoseconds;

template <typename Predicate>
nanoseconds TimeSeen(const std::vector<SeenActivity>& seen, Predicate is) {
  nanoseconds sum{};
  for (const SeenActivity& one : seen) {
    if (is(one)) sum += one.time;
  }
  return sum;
}

nanoseconds PartOf(nanoseconds whole, nanoseconds part, nanoseconds of) {
  return nanoseconds(static_cast<std::int64_t>(static_cast<double>(whole.count()) * static_cast<double>(part.count()) /
                                               static_cast<double>(of.count())));
}

/// Each sample stands for as much of the block as the others.
Shares OfSamples(const std::vector<SampleEvidence>& samples) {
  Shares shares;
  for (const SampleEvidence& sample : samples) {
    (sample.activity.running ? shares.cpu : shares.asleep) += nanoseconds(1);
  }
  return shares;
}

}  // namespace

std::optional<Shares> DivideTime(const BlockEvidence& evidence) {
  const BlockMeasure& measure = evidence.measure;
  const nanoseconds running = TimeSeen(measure.seen, [](const auto& seen) { return seen.activity.running; });
  const nanoseconds stopped = TimeSeen(measure.seen, IsStopped);
  const nanoseconds asleep = TimeSeen(measure.seen, IsAsleep);
  if (!measure.use) {
    if (running + stopped + asleep > nanoseconds(0)) return Shares{running, {}, stopped, asleep, false};
    return evidence.samples.empty() ? std::nullopt : std::optional(OfSamples(evidence.samples));
  }
  Shares shares;
  shares.measured = true;
  shares.cpu = std::min(measure.use->cpu.middle(), evidence.duration);
  const TimeBounds& runqueue = measure.use->runqueue;
  const nanoseconds seen = running + stopped + asleep;
  // Where the bounds leave room, what the looks met decides.
  const nanoseconds met =
      seen > nanoseconds(0) ? PartOf(evidence.duration, running, seen) - shares.cpu : runqueue.middle();
  shares.runqueue = std::min(std::clamp(met, runqueue.least, runqueue.most), evidence.duration - shares.cpu);
  const nanoseconds rest = evidence.duration - shares.cpu - shares.runqueue;
  if (stopped > nanoseconds(0)) shares.stopped = PartOf(rest, stopped, stopped + asleep);
  shares.asleep = rest - shares.stopped;
  // The kernel counts a time without a CPU when it is over, and the block lasts still.
  if (evidence.ongoing && running > nanoseconds(0) && stopped + asleep == nanoseconds(0)) {
    shares.runqueue += std::exchange(shares.asleep, nanoseconds(0));
  }
  return shares;
}

}  // namespace pyleak::cli
