#include "cli/report/text.h"

#include <gtest/gtest.h>

#include "tests/support/sample_events.h"

namespace pyleak::cli {
namespace {

using namespace std::chrono_literals;

TEST(SecondsText, HasMillisecondsAndBelowTenOfThemMicroseconds) {
  EXPECT_EQ(SecondsText(1001234567ns), "1.001s");
  EXPECT_EQ(SecondsText(200ms), "0.200s");
  EXPECT_EQ(SecondsText(10ms), "0.010s");
  EXPECT_EQ(SecondsText(50us), "0.000050s");
}

TEST(BlockText, IsLaidOutAsTheContractSays) {
  EXPECT_EQ(BlockText(testing::SleepingBlock(), {}),
            R"(Event Loop Block: block-1
  Duration: 1.001s (threshold: 0.200s)
  Timestamp: 1749051796.302
  Loop: asyncio, thread 4242 "MainThread" of python3 (pid 4242)
  Cause: system call clock_nanosleep, 1.000s of 1.001s asleep
  Blocking Stack:
    File "/srv/app.py", line 22, in <module>
      asyncio.run(main())
    File "/srv/app.py", line 14, in Service.descend
      return self.descend(n - 1)
    File "/srv/app.py", line 14, in Service.descend
      return self.descend(n - 1)
    File "/srv/app.py", line 14, in Service.descend
      return self.descend(n - 1)
    [Previous line repeated 3 more times]
    File "<string>", line 1, in generated
    File "/srv/app.py", line 9, in handle_request
      time.sleep(1)
    <native> clock_nanosleep, libc.so.6)");
}

TEST(BlockText, ShowsWhatSamplesShareAndTheHeaviestBranch) {
  auto event = testing::BareBlock();
  const auto stack = [](const std::string& leaf, int line) {
    const auto frame = [](const std::string& name, int lineno) {
      return symbolize::Frame{
          .language = symbolize::Language::kPython, .name = name, .filename = "/srv/app.py", .lineno = lineno};
    };
    return symbolize::Stack{.frames = {frame("process_batch", 31), frame(leaf, line)}, .complete = true};
  };
  event.samples = {{.count = 1, .blocking_stack = stack("parse", 40)},
                   {.count = 2, .blocking_stack = stack("check", 50)},
                   {.count = 1, .blocking_stack = stack("store", 60)}};
  event.blocking_stack = event.samples[1].blocking_stack;
  EXPECT_TRUE(BlockText(event, {}).ends_with(R"(
  Samples: no single culprit: 4 samples, 3 stacks; all under process_batch (app.py:31)
  Blocking Stack:
    File "/srv/app.py", line 31, in process_batch
    <the samples part here: 2 of 4 go this way>
    File "/srv/app.py", line 50, in check)"));

  event.ongoing = true;
  event.blocking_stack = event.samples[2].blocking_stack;
  EXPECT_TRUE(BlockText(event, {}).ends_with(R"(
  Blocking Stack, the last seen:
    File "/srv/app.py", line 31, in process_batch
    File "/srv/app.py", line 60, in store)"));
}

TEST(BlockText, SaysWhatIsMissing) {
  const std::string text = BlockText(testing::BareBlock(), {});
  EXPECT_NE(text.find("Blocking Stack: not captured"), std::string::npos);
  EXPECT_EQ(text.find("Cause:"), std::string::npos);
  EXPECT_EQ(text.find("Task:"), std::string::npos);

  const std::string nasty = BlockText(testing::NastyBlock(), {});
  EXPECT_NE(nasty.find("still blocked"), std::string::npos);
  EXPECT_NE(nasty.find("<incomplete: the outermost frames are not known>"), std::string::npos);
  EXPECT_NE(nasty.find("\n  Note: second"), std::string::npos);
}

TEST(BlockText, LetsNothingOfTheTargetReachTheTerminal) {
  for (const char c : BlockText(testing::NastyBlock(), {.native = true})) {
    EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') << static_cast<int>(c);
  }
}

TEST(StackText, ShowsNativeFramesBetweenOthersOnlyWhenAsked) {
  const auto stack = *testing::SleepingBlock().blocking_stack;
  EXPECT_EQ(StackText(stack, {}).find("_extension_call"), std::string::npos);
  EXPECT_NE(StackText(stack, {.native = true}).find("    <native> _extension_call, _extension.so\n"),
            std::string::npos);
}

TEST(StackText, ShowsWhatTheLastPythonFrameHasCalled) {
  auto stack = *testing::SleepingBlock().blocking_stack;
  stack.frames.pop_back();
  const auto add = [&](std::string name, std::string module, std::uint64_t address) {
    stack.frames.push_back({.name = std::move(name), .module = std::move(module), .address = RemoteAddress(address)});
  };
  add("_extension_call", "/srv/_extension.so", 0x7f10);
  add("", "/srv/_extension.so", 0x7f20);
  add("", "/lib/libfast.so", 0x7f30);
  add("inner", "/lib/libfast.so", 0x7f40);
  add("", "/lib/libfast.so", 0x7f50);
  const std::string text = StackText(stack, {});
  EXPECT_TRUE(
      text.ends_with("\n      time.sleep(1)\n    <native> _extension_call, _extension.so\n"
                     "    <native> 0x7f30, libfast.so\n    <native> inner, libfast.so\n"
                     "    <native> 0x7f50, libfast.so"))
      << text;
  EXPECT_NE(StackText(stack, {.native = true}).find("    <native> 0x7f20, _extension.so\n"), std::string::npos);
}

TEST(StackText, ShowsTheLineOfANativeFrameBelowPythonOnlyWithItsSource) {
  auto stack = *testing::SleepingBlock().blocking_stack;
  auto& native = stack.frames.back();
  native.filename = "./nanosleep.c";
  native.lineno = 78;
  EXPECT_TRUE(StackText(stack, {}).ends_with("\n    <native> clock_nanosleep, libc.so.6"));
  native.line = "return r;";
  EXPECT_TRUE(
      StackText(stack, {}).ends_with("\n    File \"./nanosleep.c\", line 78, in clock_nanosleep\n      return r;"));
}

TEST(StackText, ShowsEveryFrameOfANativeProgram) {
  const symbolize::Stack stack{.frames = {{.name = "main", .filename = "/src/main.cc", .lineno = 3, .line = "Serve();"},
                                          {.name = "Serve", .module = "/usr/bin/server"},
                                          {.module = "/lib/libc.so.6", .address = RemoteAddress(0x7f10)}}};
  EXPECT_EQ(StackText(stack, {}),
            "    File \"/src/main.cc\", line 3, in main\n      Serve();\n    <native> Serve, server\n"
            "    <native> 0x7f10, libc.so.6");
}

TEST(OnsetText, IsTheLineOfTheContract) {
  EXPECT_EQ(OnsetText({.lag = 201ms, .threshold = 200ms}), "Event loop blocked for 0.201s (threshold: 0.200s)");
}

TEST(CountedText, SaysHowManyHowLongAndLikeWhich) {
  EXPECT_EQ(CountedText({.like = 3, .count = 12, .blocked = 4100ms, .span = 60s}),
            "12 more like block-3 in the last minute, 4.100s");
  EXPECT_EQ(CountedText({.like = 0, .count = 2, .blocked = 500ms, .span = 7200ms}),
            "2 more blocks of other stacks in the last 7 s, 0.500s");
}

TEST(SummaryText, CountsAndSaysWhatWasLost) {
  EXPECT_EQ(SummaryText({.blocks = 2, .blocked = 1256ms}),
            "Event loop monitoring summary: 2 block(s), 1.26s total blocked time");
  EXPECT_NE(SummaryText(testing::SampleEnd()).find("3 event(s) not written"), std::string::npos);
}

TEST(SummaryText, SaysHowTheTargetEndedUnlessWell) {
  const auto text = [](attach::ProcessEnd end) { return SummaryText({.target_end = end}); };
  EXPECT_NE(text({.signal = 9}).find("\n  the target was killed by SIGKILL"), std::string::npos);
  EXPECT_NE(text({.signal = 63}).find("\n  the target was killed by signal 63"), std::string::npos);
  EXPECT_NE(text({.exit_status = 3}).find("\n  the target has exited with status 3"), std::string::npos);
  EXPECT_EQ(text({}).find("the target"), std::string::npos);
}

TEST(SnapshotText, SaysWhatTheLoopDoes) {
  auto snapshot = testing::SampleSnapshot();
  EXPECT_TRUE(SnapshotText(snapshot, {})
                  .starts_with("Event Loop: asyncio, thread 4242 \"MainThread\" of python3 (pid 4242)\n  State: busy "
                               "for 0.300s\n  Stack:\n"));
  snapshot.waiting = true;
  snapshot.blocking_stack.reset();
  EXPECT_EQ(SnapshotText(snapshot, {}),
            "Event Loop: asyncio, thread 4242 \"MainThread\" of python3 (pid 4242)\n"
            "  State: waiting in epoll_wait for 0.300s");
}

}  // namespace
}  // namespace pyleak::cli
