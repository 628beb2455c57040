#include "attach/heartbeat/iteration_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pyleak::attach {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

IterationHistogram Of(std::initializer_list<nanoseconds> lengths) {
  IterationHistogram::Counters counters{};
  for (const nanoseconds length : lengths) ++counters[IterationHistogram::BucketOf(length)];
  IterationHistogram histogram;
  histogram.AddDifference({}, counters);
  return histogram;
}

TEST(IterationHistogram, BucketsLieSideBySideAndAreAtMostAQuarterWide) {
  nanoseconds begin = 0ns;
  for (std::size_t bucket = 0; bucket + 1 < IterationHistogram::kBuckets; ++bucket) {
    const nanoseconds end = IterationHistogram::EndOf(bucket);
    EXPECT_EQ(IterationHistogram::BucketOf(begin), bucket);
    EXPECT_EQ(IterationHistogram::BucketOf(end - 1ns), bucket);
    EXPECT_EQ(IterationHistogram::BucketOf(end), bucket + 1);
    EXPECT_LE(end - begin, std::max<nanoseconds>(begin / 4, 1us));
    begin = end;
  }
}

TEST(IterationHistogram, WhatIsOutOfBoundsIsInTheFirstOrTheLastBucket) {
  EXPECT_EQ(IterationHistogram::BucketOf(-1h), 0U);
  EXPECT_EQ(IterationHistogram::BucketOf(nanoseconds::max()), IterationHistogram::kBuckets - 1);
  EXPECT_EQ(IterationHistogram::EndOf(IterationHistogram::kBuckets - 1),
            IterationHistogram::EndOf(IterationHistogram::kBuckets - 2));
}

TEST(IterationHistogram, QuantilesAreEndsOfBuckets) {
  const IterationHistogram histogram = Of({1us, 1us, 9us, 100us, 3ms});
  EXPECT_EQ(histogram.total(), 5U);
  EXPECT_EQ(histogram.Quantile(0.4), 2us);
  EXPECT_EQ(histogram.Quantile(0.5), 10us);
  EXPECT_EQ(histogram.Quantile(0.8), 112us);
  EXPECT_EQ(histogram.Quantile(0.99), 3072us);
  EXPECT_EQ(histogram.Quantile(1), 3072us);
  EXPECT_EQ(IterationHistogram().Quantile(0.5), std::nullopt);
}

TEST(IterationHistogram, CountersMayWrapAround) {
  IterationHistogram histogram;
  IterationHistogram::Counters before{};
  IterationHistogram::Counters now{};
  before[7] = UINT32_MAX - 1;
  now[7] = 3;
  histogram.AddDifference(before, now);
  EXPECT_EQ(histogram.count(7), 5U);
}

TEST(IterationHistogram, CountersThatWentBackWereBegunAnew) {
  IterationHistogram histogram;
  IterationHistogram::Counters before{};
  IterationHistogram::Counters now{};
  before[7] = 1000;
  now[7] = 3;
  histogram.AddDifference(before, now);
  EXPECT_EQ(histogram.count(7), 3U);
}

}  // namespace
}  // namespace pyleak::attach
