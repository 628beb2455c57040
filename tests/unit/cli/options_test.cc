#include "cli/options.h"

#include <gtest/gtest.h>

namespace pyleak::cli {
namespace {

using namespace std::chrono_literals;

template <typename Options>
Options Parse(const std::vector<std::string>& arguments) {
  const auto line = ParseCommandLine(arguments);
  if (const auto* error = std::get_if<UsageError>(&line)) ADD_FAILURE() << error->what;
  const auto* options = std::get_if<Options>(&line);
  EXPECT_NE(options, nullptr);
  return options == nullptr ? Options{} : *options;
}

std::string WhatIsWrong(const std::vector<std::string>& arguments) {
  const auto line = ParseCommandLine(arguments);
  const auto* error = std::get_if<UsageError>(&line);
  EXPECT_NE(error, nullptr);
  if (error == nullptr) return "";
  EXPECT_FALSE(error->hint.empty());
  return error->what;
}

TEST(Options, HaveTheDefaultsOfTheContract) {
  const auto attach = Parse<AttachOptions>({"attach", "4242"});
  EXPECT_EQ(attach.pid, 4242);
  EXPECT_EQ(attach.watch.threshold, 200ms);
  EXPECT_EQ(attach.watch.check_interval, 50ms);
  EXPECT_EQ(attach.watch.action, Action::kWarn);
  EXPECT_EQ(attach.watch.output.format, Format::kText);
  EXPECT_EQ(attach.watch.output.output, "-");
  EXPECT_FALSE(attach.watch.children);
  const auto run = Parse<RunOptions>({"run", "true"});
  EXPECT_EQ(run.watch.output.output, "fd:2");
  EXPECT_TRUE(run.watch.children);
}

TEST(Options, TakeEveryForm) {
  const auto watch = Parse<AttachOptions>({"attach",
                                           "-t",
                                           "10ms",
                                           "-i1ms",
                                           "--action=raise",
                                           "-f",
                                           "json",
                                           "-o",
                                           "x",
                                           "-d",
                                           "5",
                                           "-n",
                                           "3",
                                           "--caller",
                                           "a.py",
                                           "--caller=b.py:f:1",
                                           "--ignore",
                                           "c.py",
                                           "--loop",
                                           "node",
                                           "--loop",
                                           "uvloop",
                                           "--thread",
                                           "77",
                                           "--children",
                                           "--native",
                                           "--color",
                                           "never",
                                           "1"})
                         .watch;
  EXPECT_EQ(watch.threshold, 10ms);
  EXPECT_EQ(watch.check_interval, 1ms);
  EXPECT_EQ(watch.action, Action::kRaise);
  EXPECT_EQ(watch.output.format, Format::kJson);
  EXPECT_EQ(watch.output.output, "x");
  EXPECT_EQ(watch.duration, 5s);
  EXPECT_EQ(watch.max_blocks, 3U);
  EXPECT_EQ(watch.callers.size(), 2U);
  EXPECT_EQ(watch.ignored.size(), 1U);
  EXPECT_EQ(watch.loops.kinds, (std::vector<std::string>{"node", "uvloop"}));
  EXPECT_EQ(watch.loops.threads, std::vector<std::string>{"77"});
  EXPECT_TRUE(watch.children);
  EXPECT_TRUE(watch.output.native);
  EXPECT_EQ(watch.output.color, ColorMode::kNever);
}

TEST(Options, TheLastOfTwoCounts) {
  const auto watch = Parse<AttachOptions>({"attach", "1", "-t", "1", "-t", "2", "--children", "--no-children"}).watch;
  EXPECT_EQ(watch.threshold, 2s);
  EXPECT_FALSE(watch.children);
}

TEST(Options, OfRunEndAtTheCommand) {
  using Command = std::vector<std::string>;
  EXPECT_EQ(Parse<RunOptions>({"run", "--", "ls", "-l"}).command, (Command{"ls", "-l"}));
  EXPECT_EQ(Parse<RunOptions>({"run", "ls", "-l", "--", "-t", "1"}).command, (Command{"ls", "-l", "--", "-t", "1"}));
  EXPECT_EQ(Parse<RunOptions>({"run", "--", "--", "x"}).command, (Command{"--", "x"}));
  const auto run =
      Parse<RunOptions>({"run", "-t", "1s", "--no-children", "-onothing", "--color=never", "sh", "--help"});
  EXPECT_EQ(run.command, (Command{"sh", "--help"}));
  EXPECT_EQ(run.watch.threshold, 1s);
  EXPECT_FALSE(run.watch.children);
}

TEST(Options, RefuseNonsense) {
  EXPECT_NE(WhatIsWrong({"attach", "1", "-t", "1e400"}).find("--threshold"), std::string::npos);
  EXPECT_NE(WhatIsWrong({"attach", "one"}).find("one"), std::string::npos);
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"4242"},
                                             {"watch"},
                                             {"attach"},
                                             {"attach", "0"},
                                             {"attach", "-5"},
                                             {"attach", "99999999999"},
                                             {"attach", "1", "2"},
                                             {"attach", "1", "-t"},
                                             {"attach", "1", "-n", "0"},
                                             {"attach", "1", "-n", "-1"},
                                             {"attach", "1", "--caller", ":f"},
                                             {"attach", "1", "-o", ""},
                                             {"attach", "1", "--locals=3"},
                                             {"attach", "1", "--redact", "x"},
                                             {"dump", "1", "--locals", "--redact", ""},
                                             {"attach", "1", "--log-file", "x"},
                                             {"attach", "1", "--stats-interval", "9ms"},
                                             {"attach", "1", "--max-reports-per-minute", "0"},
                                             {"attach", "1", "--action", "log", "-o", "x"},
                                             {"attach", "1", "--thresh", "1"},
                                             {"attach", "1", "--native=3"},
                                             {"attach", "--output=", "1"},
                                             {"attach", "1", "--loop", "a", "b"},
                                             {"run"},
                                             {"run", "--"},
                                             {"run", "-t", "--", "x"},
                                             {"dump"},
                                             {"dump", "1", "-t", "1"},
                                             {"list", "1", "2"},
                                             {"doctor", "0"}}) {
    EXPECT_FALSE(WhatIsWrong(arguments).empty());
  }
}

TEST(Options, OfDumpAndList) {
  const auto dump = Parse<DumpOptions>({"dump", "--thread", "MainThread", "9"});
  EXPECT_EQ(dump.pid, 9);
  EXPECT_EQ(dump.loops.threads.size(), 1U);
  EXPECT_EQ(dump.output.output, "-");
  EXPECT_FALSE(dump.output.locals.has_value());
  const auto with_locals = Parse<DumpOptions>({"dump", "9", "--redact", "one", "--locals", "--redact", "two"});
  ASSERT_TRUE(with_locals.output.locals.has_value());
  EXPECT_TRUE(with_locals.output.locals->Hides("one") && with_locals.output.locals->Hides("two"));
  EXPECT_FALSE(Parse<ListOptions>({"list"}).pid.has_value());
  EXPECT_EQ(Parse<ListOptions>({"list", "9", "-f", "json"}).pid, 9);
  EXPECT_EQ(Parse<DoctorOptions>({"doctor", "9"}).pid, 9);
}

}  // namespace
}  // namespace pyleak::cli
