#include "cli/analyse/recording.h"

#include <gtest/gtest.h>

#include <regex>
#include <sstream>

#include "cli/analyse/block_groups.h"
#include "cli/analyse/report_formats.h"
#include "cli/report/json.h"
#include "tests/support/sample_events.h"

namespace pyleak::cli {
namespace {

using namespace std::chrono_literals;

BlockEvent Block(std::uint64_t id, std::chrono::nanoseconds duration, bool ongoing = false) {
  BlockEvent event = testing::SleepingBlock();
  event.block_id = id;
  event.duration = duration;
  event.ongoing = ongoing;
  event.timestamp = Timestamp(std::chrono::seconds(1000 + id));
  return event;
}

Recording Read(const std::vector<std::string>& lines) {
  RecordingReader reader;
  for (const std::string& line : lines) reader.TakeLine(line);
  return reader.Finish();
}

TEST(Recording, LastRecordOfABlockCounts) {
  const Recording recording = Read({ToJson(testing::SampleStart()), ToJson(Block(1, 1s, true)),
                                    ToJson(Block(1, 2s, true)), ToJson(Block(1, 3s)), ToJson(Block(2, 1s, true))});
  ASSERT_EQ(recording.blocks.size(), 2U);
  EXPECT_EQ(recording.blocks[0].duration, 3s);
  EXPECT_FALSE(recording.blocks[0].ongoing);
  EXPECT_TRUE(recording.blocks[1].ongoing);
  EXPECT_EQ(recording.watches, 1U);
  EXPECT_EQ(recording.watches_without_end, 1U);
}

TEST(Recording, NumbersOfTwoWatchesAreNotMixedUp) {
  const std::string start = ToJson(testing::SampleStart());
  const Recording recording =
      Read({start, ToJson(Block(1, 1s)), ToJson(testing::SampleEnd()), start, ToJson(Block(1, 2s))});
  EXPECT_EQ(recording.blocks.size(), 2U);
  EXPECT_EQ(recording.watches, 2U);
  EXPECT_EQ(recording.watches_without_end, 1U);
}

TEST(Recording, CountsWhatItCannotRead) {
  const std::string whole = ToJson(Block(1, 1s));
  const Recording recording = Read({"", "  ", "no JSON", "[]", R"({"type": 1})", whole.substr(0, whole.size() / 2),
                                    R"({"type": "EventLoopBlock", "schema_version": 1})",
                                    R"({"type": "EventLoopBlock", "schema_version": 2})", whole});
  EXPECT_EQ(recording.blocks.size(), 1U);
  EXPECT_EQ(recording.unreadable_lines, 5U);
  EXPECT_EQ(recording.foreign_records, 1U);
}

TEST(Recording, TakesNoNonsenseForANumber) {
  const Recording recording = Read({
      R"({"type":"EventLoopBlock","schema_version":1,"block_id":1,"duration":1e300,"timestamp":1})",
      R"({"type":"EventLoopBlock","schema_version":1,"block_id":1,"duration":-1,"timestamp":1})",
      R"({"type":"EventLoopBlock","schema_version":1,"block_id":-1,"duration":1,"timestamp":1})",
      R"({"type":"EventLoopBlock","schema_version":1,"block_id":1,"duration":1,"timestamp":1,"pid":99999999999,
          "samples":[1,{}],"blocking_stack":[1,null,{"lineno":-5,"name":7}],"loop":3,"cause":null})",
  });
  EXPECT_EQ(recording.unreadable_lines, 3U);
  ASSERT_EQ(recording.blocks.size(), 1U);
  EXPECT_EQ(recording.blocks[0].thread.pid, 0);
}

TEST(BlockGroups, HoldBlocksOfOneStack) {
  BlockEvent other = Block(4, 10s);
  other.blocking_stack->frames.back().name = "another";
  BlockEvent without = Block(5, 1s);
  without.blocking_stack.reset();
  // Another address is the same place in another process.
  BlockEvent elsewhere = Block(3, 3s);
  elsewhere.blocking_stack->frames.back().address = RemoteAddress(0x1234);
  const Recording recording =
      Read({ToJson(Block(1, 1s)), ToJson(Block(2, 2s)), ToJson(elsewhere), ToJson(other), ToJson(without)});
  const auto groups = GroupBlocks(recording);
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0].total, 10s);
  EXPECT_EQ(groups[1].total, 6s);
  EXPECT_EQ(groups[1].median, 2s);
  EXPECT_EQ(groups[1].p99, 3s);
  EXPECT_EQ(groups[1].longest().block_id, 3U);
  EXPECT_FALSE(groups[2].stack);
  EXPECT_EQ(TotalBlocked(recording), 17s);
}

TEST(BlockGroups, QuantilesAreDurationsThatOccurred) {
  std::vector<RecordedBlock> blocks(200);
  std::vector<const RecordedBlock*> descending;
  for (std::size_t at = 0; at < blocks.size(); ++at) {
    blocks[at].duration = std::chrono::milliseconds(200 - at);
    descending.push_back(&blocks[at]);
  }
  EXPECT_EQ(Quantile(descending, 0.5), 100ms);
  EXPECT_EQ(Quantile(descending, 0.99), 198ms);
  EXPECT_EQ(Quantile(std::span(descending).first(1), 0.99), 200ms);
}

TEST(BlockGroups, SamplesShareABlocksTime) {
  RecordedBlock block;
  block.duration = 4s;
  block.stack = 7;
  block.samples = {{3, 3}, {5, 1}};
  const auto shares = SharesOf(block);
  ASSERT_EQ(shares.size(), 2U);
  EXPECT_EQ(shares[0].stack, 3U);
  EXPECT_EQ(shares[0].time, 3s);
  EXPECT_EQ(shares[1].time, 1s);
}

TEST(FoldedStacks, OfNastyTextAreOneLineAStack) {
  BlockEvent nasty = testing::NastyBlock();
  nasty.block_id = 3;
  nasty.duration = 2s;
  const Recording recording = Read({ToJson(nasty), ToJson(Block(9, 1500ms))});
  std::istringstream text(FoldedStacks(recording));
  int lines = 0;
  for (std::string line; std::getline(text, line); ++lines) {
    EXPECT_TRUE(std::regex_match(line, std::regex("[^\\x01-\\x08\\x0a-\\x1f\\x7f]+( )[0-9]+"))) << line;
  }
  EXPECT_GE(lines, 2);
}

}  // namespace
}  // namespace pyleak::cli
