#include "cli/report/repeated_blocks.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/sample_events.h"

namespace pyleak::cli {
namespace {

using namespace std::chrono_literals;
using Time = RepeatedBlocks::Time;

const Time kStart = Time() + 1h;

symbolize::Stack StackOf(std::initializer_list<const char*> functions) {
  symbolize::Stack stack{.complete = true};
  for (const char* name : functions) {
    stack.frames.push_back(
        {.language = symbolize::Language::kPython, .name = name, .filename = "/srv/app.py", .lineno = 1});
  }
  return stack;
}

BlockEvent Block(std::uint64_t id, const symbolize::Stack& stack, std::chrono::nanoseconds duration = 300ms) {
  BlockEvent event = testing::BareBlock();
  event.block_id = id;
  event.duration = duration;
  event.samples = {{.count = 1, .blocking_stack = stack}};
  event.blocking_stack = stack;
  return event;
}

const symbolize::Stack kSlow = StackOf({"main", "slow"});

/// Three blocks alike, at kStart.
RepeatedBlocks AfterTheFirstFew(std::uint64_t most_per_minute = 100) {
  RepeatedBlocks repeated(most_per_minute);
  for (std::uint64_t id = 3; id < 6; ++id) EXPECT_TRUE(repeated.Take(Block(id, kSlow), kStart));
  return repeated;
}

TEST(RepeatedBlocks, AreCountedAfterTheFirstFew) {
  RepeatedBlocks repeated = AfterTheFirstFew();
  for (int i = 0; i < 12; ++i) EXPECT_FALSE(repeated.Take(Block(10, kSlow, 340ms), kStart + i * 1s));
  EXPECT_TRUE(repeated.TakeDue(kStart + 59s).empty());
  const auto due = repeated.TakeDue(kStart + 60s);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].like, 3U);
  EXPECT_EQ(due[0].count, 12U);
  EXPECT_EQ(due[0].blocked, 4080ms);
  EXPECT_EQ(due[0].span, 60s);
  EXPECT_TRUE(repeated.TakeAll(kStart + 61s).empty()) << "told once";
}

TEST(RepeatedBlocks, AreToldAtTheEndWhateverTheirAge) {
  RepeatedBlocks repeated = AfterTheFirstFew();
  EXPECT_FALSE(repeated.Take(Block(6, kSlow), kStart + 1s));
  const auto all = repeated.TakeAll(kStart + 4s);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].count, 1U);
  EXPECT_EQ(all[0].span, 3s);
}

TEST(RepeatedBlocks, OfOtherStacksAreShown) {
  RepeatedBlocks repeated = AfterTheFirstFew();
  EXPECT_TRUE(repeated.Take(Block(6, StackOf({"main", "other"})), kStart));
  EXPECT_TRUE(repeated.Take(Block(7, StackOf({"main", "slow", "deeper"})), kStart));
  BlockEvent bare = testing::BareBlock();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(repeated.Take(bare, kStart)) << "without a stack nothing is known to repeat";
}

TEST(RepeatedBlocks, ThatLastTwiceAsLongAreShown) {
  RepeatedBlocks repeated = AfterTheFirstFew();
  EXPECT_FALSE(repeated.Take(Block(6, kSlow, 599ms), kStart));
  EXPECT_TRUE(repeated.Take(Block(7, kSlow, 600ms), kStart));
  EXPECT_FALSE(repeated.Take(Block(8, kSlow, 600ms), kStart));
}

TEST(RepeatedBlocks, AreNewAgainAfterAMinuteWithout) {
  RepeatedBlocks repeated = AfterTheFirstFew();
  EXPECT_FALSE(repeated.Take(Block(6, kSlow), kStart + 59s)) << "they keep coming";
  EXPECT_EQ(repeated.TakeDue(kStart + 119s).size(), 1U);
  EXPECT_TRUE(repeated.Take(Block(7, kSlow), kStart + 120s));
}

TEST(RepeatedBlocks, HaveALimitForAllStacksTogether) {
  RepeatedBlocks repeated(2);
  EXPECT_TRUE(repeated.Take(Block(1, StackOf({"a"})), kStart));
  EXPECT_TRUE(repeated.Take(Block(2, StackOf({"b"})), kStart));
  EXPECT_FALSE(repeated.Take(Block(3, StackOf({"b"})), kStart));
  EXPECT_FALSE(repeated.Take(Block(4, StackOf({"c"})), kStart));
  EXPECT_FALSE(repeated.Take(Block(5, StackOf({"d"}), 10s), kStart));
  const auto due = repeated.TakeDue(kStart + 60s);
  ASSERT_EQ(due.size(), 2U);
  EXPECT_EQ(due[0].like, 2U);
  EXPECT_EQ(due[0].count, 1U);
  EXPECT_EQ(due[1].like, 0U);
  EXPECT_EQ(due[1].count, 2U);
  EXPECT_TRUE(repeated.Take(Block(6, StackOf({"c"})), kStart + 60s));
}

TEST(RepeatedBlocks, HideTheirOnsetToo) {
  RepeatedBlocks repeated = AfterTheFirstFew();
  EXPECT_FALSE(repeated.ShowsOnset({.lag = 200ms, .stack = kSlow}, kStart));
  EXPECT_TRUE(repeated.ShowsOnset({.lag = 200ms, .stack = StackOf({"main", "other"})}, kStart));
  EXPECT_TRUE(repeated.ShowsOnset({.lag = 200ms}, kStart));
  EXPECT_FALSE(repeated.ShowsAge(Block(6, kSlow, 500ms), kStart));
  EXPECT_TRUE(repeated.ShowsAge(Block(6, kSlow, 2s), kStart)) << "a long one is none of them any more";
}

TEST(RepeatedBlocks, WithoutASingleCulpritAreAlikeByWhatTheyAreUnder) {
  RepeatedBlocks repeated(100);
  const auto batch = [](std::uint64_t id, const char* a, const char* b) {
    BlockEvent event = Block(id, StackOf({"main", "batch", a}));
    event.samples.push_back({.count = 1, .blocking_stack = StackOf({"main", "batch", b})});
    return event;
  };
  EXPECT_TRUE(repeated.Take(batch(1, "parse", "check"), kStart));
  EXPECT_TRUE(repeated.Take(batch(2, "check", "store"), kStart));
  EXPECT_TRUE(repeated.Take(batch(3, "store", "parse"), kStart));
  EXPECT_FALSE(repeated.Take(batch(4, "parse", "store"), kStart));
  EXPECT_FALSE(repeated.ShowsOnset({.lag = 200ms, .stack = StackOf({"main", "batch", "other"})}, kStart));
  EXPECT_TRUE(repeated.Take(Block(5, StackOf({"main", "batch", "parse"})), kStart));
}

TEST(RepeatedBlocks, TakeNoMoreMemoryThanAThousandStacks) {
  RepeatedBlocks repeated(1'000'000);
  for (std::uint64_t id = 1; id <= 3000; ++id) {
    const std::string name = "f" + std::to_string(id);
    EXPECT_TRUE(repeated.Take(Block(id, StackOf({name.c_str()})), kStart));
  }
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(repeated.Take(Block(4000, StackOf({"f2000"})), kStart)) << "not grouped";
}

}  // namespace
}  // namespace pyleak::cli
