#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "attach/agent/protocol.h"

namespace pyleak::attach {

/// How many iterations of a loop were how long, in the buckets of the heartbeat: four an octave from 4 us on, below
/// that one a microsecond. A bucket's end is at most a quarter above its beginning.
class IterationHistogram {
 public:
  static constexpr std::size_t kBuckets = PYLEAK_HISTOGRAM_BUCKETS;
  /// As the target counts, modulo 2^32.
  using Counters = std::array<std::uint32_t, kBuckets>;

  /// The bucket that a length falls into, and where a bucket ends. The last one has no end: what it holds was at least
  /// as long as is said here.
  static std::size_t BucketOf(std::chrono::nanoseconds length);
  static std::chrono::nanoseconds EndOf(std::size_t bucket);

  /// Adds what has been counted from one reading to the next. Counters that have gone back were begun anew.
  void AddDifference(const Counters& before, const Counters& now);

  [[nodiscard]] std::uint64_t count(std::size_t bucket) const { return counts_[bucket]; }
  [[nodiscard]] std::uint64_t total() const;
  /// The end of the bucket that holds this share of all iterations (0.5: the median) and of the longest one; nothing
  /// if there is none.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> Quantile(double share) const;

 private:
  std::array<std::uint64_t, kBuckets> counts_{};
};

}  // namespace pyleak::attach
