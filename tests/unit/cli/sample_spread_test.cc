#include "cli/report/sample_spread.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pyleak::cli {
namespace {

using symbolize::Frame;
using symbolize::Language;
using symbolize::Stack;

Frame Python(const std::string& name, int line) {
  return {.language = Language::kPython, .name = name, .filename = "/srv/app.py", .lineno = line};
}

Frame Native(const std::string& name, std::uint64_t address) {
  return {.name = name, .module = "/lib/libc.so.6", .address = RemoteAddress(address)};
}

Stack Complete(std::vector<Frame> frames) { return {.frames = std::move(frames), .complete = true}; }

class Samples {
 public:
  explicit Samples(std::vector<std::pair<Stack, int>> stacks) : stacks_(std::move(stacks)) {
    for (const auto& [stack, count] : stacks_) seen_.push_back({&stack, count});
  }
  [[nodiscard]] SampleSpread spread() const { return SpreadOf(seen_); }
  [[nodiscard]] std::string text() const { return SpreadText(spread(), stacks_[spread().heaviest].first); }

 private:
  std::vector<std::pair<Stack, int>> stacks_;
  std::vector<SeenStack> seen_;
};

TEST(SampleSpread, OfOneStackHasNothingToSay) {
  const Samples samples({{Complete({Python("main", 1), Python("handle", 9)}), 5}});
  EXPECT_EQ(samples.text(), "");
  EXPECT_EQ(samples.spread().heaviest_samples, 5);
  EXPECT_EQ(samples.spread().common_frames, 2U);
}

TEST(SampleSpread, OfShortCallsNamesWhatTheyAreAllUnder) {
  const Samples samples({{Complete({Python("main", 1), Python("process_batch", 31), Python("parse", 40)}), 5},
                         {Complete({Python("main", 1), Python("process_batch", 31), Python("check", 50)}), 4},
                         {Complete({Python("main", 1), Python("process_batch", 31), Python("store", 60)}), 5}});
  EXPECT_EQ(samples.text(), "no single culprit: 14 samples, 3 stacks; all under process_batch (app.py:31)");
  EXPECT_EQ(samples.spread().heaviest, 0U);
  EXPECT_EQ(samples.spread().common_frames, 2U);
}

TEST(SampleSpread, FollowsMostSamplesAtEachFork) {
  const auto under = [](const char* branch, const char* leaf) {
    return Complete({Python("main", 1), Python(branch, 2), Python(leaf, 3)});
  };
  // b has the heaviest leaf, but a is the heavier branch.
  const Samples samples({{under("b", "x"), 4}, {under("a", "x"), 3}, {under("a", "y"), 2}});
  EXPECT_EQ(samples.spread().heaviest, 1U);
  EXPECT_EQ(samples.spread().heaviest_samples, 3);
  EXPECT_FALSE(samples.spread().has_single_culprit());
}

TEST(SampleSpread, WithMostSamplesInOneStackHasItsCulprit) {
  const Samples samples(
      {{Complete({Python("main", 1), Python("slow", 2)}), 8}, {Complete({Python("main", 1), Python("quick", 3)}), 1}});
  EXPECT_EQ(samples.text(), "8 of 9 samples have this stack; all under main (app.py:1)");
}

TEST(SampleSpread, DoesNotTellApartWhatOneLineCalls) {
  const Samples samples({{Complete({Python("compute", 2), Native("PyNumber_Add", 0x10)}), 1},
                         {Complete({Python("compute", 2), Native("PyObject_GetIter", 0x20)}), 1}});
  EXPECT_EQ(samples.spread().stacks, 1U);
}

TEST(SampleSpread, OfOneFunctionsLinesIsInIt) {
  const Samples samples({{Complete({Python("compute", 2)}), 1}, {Complete({Python("compute", 3)}), 1}});
  EXPECT_EQ(samples.text(), "no single culprit: 2 samples, 2 stacks; all in compute (app.py)");
}

TEST(SampleSpread, OfNativeStacksTellsFunctionsApartAndNotAddresses) {
  const Samples one({{Complete({Native("main", 0x10), Native("inflate", 0x20)}), 1},
                     {Complete({Native("main", 0x10), Native("inflate", 0x30)}), 1}});
  EXPECT_EQ(one.text(), "");
  const Samples nameless({{Complete({Native("main", 0x10), Native("", 0x20)}), 1},
                          {Complete({Native("main", 0x10), Native("", 0x30)}), 1}});
  EXPECT_EQ(nameless.text(), "no single culprit: 2 samples, 2 stacks; all under main (libc.so.6)");
}

TEST(SampleSpread, LeavesIncompleteStacksOutWhereOthersAreComplete) {
  const Stack incomplete{.frames = {Native("clock_nanosleep", 0x10)}};
  const Samples samples({{incomplete, 1}, {Complete({Python("main", 1)}), 2}});
  EXPECT_EQ(samples.text(), "");
  EXPECT_EQ(samples.spread().heaviest, 1U);
  EXPECT_EQ(samples.spread().samples, 2);
  const Samples all_incomplete({{incomplete, 1}});
  EXPECT_EQ(all_incomplete.spread().samples, 1);
}

TEST(SampleSpread, OfStacksWithoutAnythingInCommonSaysSo) {
  const Samples samples({{Complete({Python("a", 1)}), 1}, {Complete({Python("b", 1)}), 1}, {Complete({}), 1}});
  EXPECT_EQ(samples.text(), "no single culprit: 3 samples, 3 stacks; nothing in common");
}

}  // namespace
}  // namespace pyleak::cli
