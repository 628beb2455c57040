#include "cli/watch/loop_statistics.h"

#include <algorithm>
#include <utility>

namespace pyleak::cli {
namespace {

using attach::IterationHistogram;
using std::chrono::nanoseconds;

/// A loop that is out of its wait for nine tenths of the time makes whoever comes wait in a queue, which from there on
/// grows fast; see queueing theory's 1 / (1 - utilisation).
constexpr double kCongestedUtilisation = 0.9;

/// What was added from one reading to the next. Less than before: the slot began anew, or was forged.
nanoseconds Added(nanoseconds before, nanoseconds now) { return std::max(now - before, nanoseconds(0)); }

}  // namespace

void LoopStatistics::BeginAt(const attach::SlotCounts& counts) {
  counters_ = counts.iterations;
  busy_ = counts.busy;
  waiting_ = counts.waiting;
}

void LoopStatistics::OnCounts(const attach::SlotCounts& counts, attach::HeartbeatTime now) {
  const nanoseconds current = std::max(now - counts.since, nanoseconds(0));
  const nanoseconds busy = counts.busy + (counts.in_iteration ? current : nanoseconds(0));
  const nanoseconds waiting = counts.waiting + (counts.in_iteration ? nanoseconds(0) : current);
  ForBoth([&](Span& span) {
    span.iterations.AddDifference(counters_, counts.iterations);
    span.busy += Added(busy_, busy);
    span.waiting += Added(waiting_, waiting);
    if (counts.in_iteration) span.longest = std::max(span.longest, current);
  });
  counters_ = counts.iterations;
  busy_ = busy;
  waiting_ = waiting;
}

void LoopStatistics::OnLongIteration(nanoseconds length) {
  ForBoth([&](Span& span) { span.longest = std::max(span.longest, length); });
}

void LoopStatistics::OnFreeze(nanoseconds held) {
  ForBoth([&](Span& span) {
    ++span.freezes;
    span.frozen += held;
  });
}

LoopFigures LoopStatistics::TakeInterval() { return Figures(std::exchange(interval_, {})); }

std::optional<nanoseconds> LoopStatistics::LongestOf(const Span& span) const {
  const auto end = span.iterations.Quantile(1);
  if (!end) return span.longest > nanoseconds(0) ? std::optional(span.longest) : std::nullopt;
  // Below the threshold the longest is known by its bucket only, from there on exactly, if none was lost.
  const bool exact =
      span.longest >= threshold_ && IterationHistogram::EndOf(IterationHistogram::BucketOf(span.longest)) >= *end;
  return exact ? span.longest : std::max(*end, span.longest);
}

LoopFigures LoopStatistics::Figures(const Span& span) const {
  LoopFigures figures;
  figures.iterations = span.iterations.total();
  figures.busy = span.busy;
  figures.waiting = span.waiting;
  figures.freezes = span.freezes;
  figures.frozen = span.frozen;
  Lag& lag = figures.lag;
  for (std::size_t bucket = 0; bucket < IterationHistogram::kBuckets; ++bucket) {
    const std::uint64_t count = span.iterations.count(bucket);
    if (count > 0) lag.buckets.push_back({IterationHistogram::EndOf(bucket), count});
  }
  lag.max = LongestOf(span);
  const auto quantile = [&](double share) {
    const auto end = span.iterations.Quantile(share);
    return end ? std::optional(std::min(*end, *lag.max)) : std::nullopt;
  };
  lag.p50 = quantile(0.5);
  lag.p90 = quantile(0.9);
  lag.p99 = quantile(0.99);
  lag.p999 = quantile(0.999);
  // One iteration alone that fills a short time is no congestion.
  const bool in_pieces = lag.max && *lag.max < threshold_ && *lag.max <= span.busy / 2;
  figures.congested = in_pieces && figures.utilisation() >= kCongestedUtilisation;
  return figures;
}

}  // namespace pyleak::cli
