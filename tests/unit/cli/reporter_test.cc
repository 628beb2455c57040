#include "cli/report/reporter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "attach/base/file.h"
#include "tests/support/sample_events.h"

namespace pyleak::cli {
namespace {

using namespace std::chrono_literals;

class ReporterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "pyleak-reporter-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    options_.output.output = folder_ / "events";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// A short watch with one block; returns its exit status.
  int Watch() {
    auto reporter = Reporter::Open(options_);
    if (!reporter) {
      ADD_FAILURE() << reporter.error().what;
      return -1;
    }
    auto block = testing::SleepingBlock();
    reporter->OnStarted(testing::SampleStart());
    reporter->OnOnset({.lag = 201ms, .threshold = 200ms, .thread = block.thread});
    block.ongoing = true;
    reporter->OnStillBlocked(block);
    block.ongoing = false;
    reporter->OnBlock(block);
    return reporter->OnEnded({.blocks = 1, .blocked = block.duration});
  }

  [[nodiscard]] std::string Events() const { return *ReadTextFile(options_.output.output); }
  [[nodiscard]] std::string Log() const { return *ReadTextFile(options_.log_file); }

  WatchOptions options_;
  std::filesystem::path folder_;
};

bool InOrder(const std::string& text, const std::vector<std::string>& parts) {
  std::size_t at = 0;
  for (const auto& part : parts) {
    at = text.find(part, at);
    if (at == std::string::npos) return false;
  }
  return true;
}

std::ptrdiff_t Lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

TEST_F(ReporterTest, WarnTellsAtOnsetMeanwhileAndAtTheEnd) {
  EXPECT_EQ(Watch(), 0);
  EXPECT_TRUE(InOrder(Events(), {"Watching python3 (pid 4242)", "\nEvent loop blocked for 0.201s (threshold: 0.200s)\n",
                                 "\nEvent loop still blocked after 1.001s\n", "\nEvent Loop Block: block-1\n",
                                 "\nEvent loop monitoring summary: 1 block(s), 1.00s total blocked time\n"}))
      << Events();
}

TEST_F(ReporterTest, CancelSaysThatNothingCanBeCancelled) {
  options_.action = Action::kCancel;
  EXPECT_EQ(Watch(), 0);
  EXPECT_TRUE(InOrder(Events(), {"Event loop blocked for", "Event Loop Block: block-1",
                                 "\nCannot cancel blocking - consider using async alternatives.\n"}));
}

TEST_F(ReporterTest, RaiseTellsEverythingAtTheEnd) {
  options_.action = Action::kRaise;
  EXPECT_EQ(Watch(), 3);
  EXPECT_EQ(Events().find("Event loop blocked for"), std::string::npos);
  EXPECT_TRUE(InOrder(Events(), {"EventLoopBlockError: Detected 1 event loop blocks\n", "Event Loop Block: block-1",
                                 "Event loop monitoring summary"}));
}

TEST_F(ReporterTest, RaiseWithoutABlockIsFine) {
  options_.action = Action::kRaise;
  auto reporter = Reporter::Open(options_);
  ASSERT_TRUE(reporter.ok());
  EXPECT_EQ(reporter->OnEnded({}), 0);
  EXPECT_EQ(Events().find("EventLoopBlockError"), std::string::npos);
}

TEST_F(ReporterTest, LogGoesToItsFile) {
  options_.action = Action::kLog;
  options_.log_file = folder_ / "log";
  EXPECT_EQ(Watch(), 0);
  EXPECT_FALSE(std::filesystem::exists(options_.output.output));
  EXPECT_TRUE(InOrder(Log(), {"INFO pid=4242 Watching", "WARNING pid=4242 Event loop blocked for 0.201s",
                              "WARNING pid=4242   Duration: 1.001s", "INFO pid=4242 Event loop monitoring summary"}));
}

TEST_F(ReporterTest, JsonHasNoTextInIt) {
  options_.output.format = Format::kJson;
  for (const Action action : {Action::kWarn, Action::kLog, Action::kCancel, Action::kRaise}) {
    options_.action = action;
    EXPECT_EQ(Watch(), action == Action::kRaise ? 3 : 0);
    const std::string events = Events();
    EXPECT_EQ(Lines(events), 4);
    EXPECT_TRUE(InOrder("\n" + events,
                        {"\n{\"type\":\"WatchStarted\",", "\n{\"type\":\"EventLoopBlock\",", "\"ongoing\":true",
                         "\n{\"type\":\"EventLoopBlock\",", "\"ongoing\":false", "\n{\"type\":\"WatchEnded\","}));
  }
}

TEST_F(ReporterTest, JsonAndALogGoToTwoPlaces) {
  options_.output.format = Format::kJson;
  options_.action = Action::kLog;
  options_.log_file = folder_ / "log";
  EXPECT_EQ(Watch(), 0);
  EXPECT_EQ(Lines(Events()), 4);
  EXPECT_NE(Log().find("WARNING pid=4242 Event Loop Block: block-1\n"), std::string::npos);
}

TEST_F(ReporterTest, AnOutputThatCannotBeHadIsAnError) {
  options_.output.output = "/";
  EXPECT_FALSE(Reporter::Open(options_).ok());
}

TEST_F(ReporterTest, AFullDiskDoesNotEndTheWatch) {
  options_.output.output = "/dev/full";
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Watch(), 0);
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(InOrder(told, {"pyleak: writing events: /dev/full: No space left on device\n", "  hint: "}));
  EXPECT_EQ(Lines(told), 2);
}

}  // namespace
}  // namespace pyleak::cli
