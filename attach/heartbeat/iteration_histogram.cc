#include "attach/heartbeat/iteration_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace pyleak::attach {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

// As bucket_of in agent.c.
std::size_t IterationHistogram::BucketOf(nanoseconds length) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(length.count(), 0)) / 1000;
  if (us < 4) return us;
  const auto octave = static_cast<std::size_t>(std::bit_width(us)) - 1;
  return std::min((octave - 1) * 4 + ((us >> (octave - 2)) & 3), kBuckets - 1);
}

nanoseconds IterationHistogram::EndOf(std::size_t bucket) {
  const bool is_last = bucket >= kBuckets - 1;
  const std::size_t next = is_last ? kBuckets - 1 : bucket + 1;  // whose beginning it is
  if (next < 4) return microseconds(next);
  return microseconds((4 + next % 4) << (next / 4 - 1));
}

void IterationHistogram::AddDifference(const Counters& before, const Counters& now) {
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const std::uint32_t difference = now[bucket] - before[bucket];
    const bool went_back = difference > UINT32_MAX / 2;
    counts_[bucket] += went_back ? now[bucket] : difference;
  }
}

std::uint64_t IterationHistogram::total() const { return std::accumulate(counts_.begin(), counts_.end(), 0ULL); }

std::optional<nanoseconds> IterationHistogram::Quantile(double share) const {
  const std::uint64_t all = total();
  if (all == 0) return std::nullopt;
  const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all)));
  std::uint64_t seen = 0;
  std::size_t longest = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    if (counts_[bucket] == 0) continue;
    longest = bucket;
    seen += counts_[bucket];
    if (seen >= rank) break;
  }
  return EndOf(longest);
}

}  // namespace pyleak::attach
