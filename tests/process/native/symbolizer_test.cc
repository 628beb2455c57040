#include <gtest/gtest.h>

#include <algorithm>

#include "symbolize/dwarf/native_symbolizer.h"
#include "tests/process/native/eu_stack.h"
#include "tests/process/native/target.h"
#include "tests/support/requirements.h"

namespace pyleak::symbolize {
namespace {

/// What a native_stack program looks like to pyleak, innermost frame first as elfutils prints it.
struct Symbolized {
  explicit Symbolized(Target& target) : source(target.identity), symbolizer(target.identity, target.modules, source) {
    stack = symbolizer.Symbolize(Unwinder(target.modules).Unwind(target.CopyStack()));
    std::ranges::reverse(stack.frames);
  }

  SourceText source;
  NativeSymbolizer symbolizer;
  Stack stack;
};

bool IsOfTheTarget(const Frame& frame) { return frame.module == NATIVE_STACK_TARGET; }

class Symbolizer : public testing::TestWithParam<const char*> {};

TEST_P(Symbolizer, NamesTheFunctionsAndLinesThatElfutilsNames) {
  PYLEAK_NEEDS_PROGRAM("eu-stack", "eu-stack")
  Target target({NATIVE_STACK_TARGET, GetParam()});
  const Symbolized pyleak(target);
  const auto expected = EuStack(target.child.pid(), true);
  ASSERT_EQ(pyleak.stack.frames.size(), expected.size());
  int named = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Frame& frame = pyleak.stack.frames[i];
    EXPECT_EQ(frame.address.value(), expected[i].program_counter);
    EXPECT_FALSE(frame.name.empty());
    if (!IsOfTheTarget(frame)) continue;
    EXPECT_EQ(frame.name, expected[i].name);
    // A mere start address is no line of ours: _start has a line only where the C library's debug information is.
    // elfutils gives the file as the compiler named it, which may be relative to where it ran, and the column.
    const std::string line = frame.filename + ":" + std::to_string(frame.lineno.value_or(0));
    const std::string expected_line = expected[i].source.substr(0, expected[i].source.rfind(':'));
    EXPECT_TRUE(line.ends_with(expected_line)) << line << " is not " << expected_line;
    ++named;
  }
  EXPECT_GE(named, 30);
  EXPECT_TRUE(pyleak.stack.complete);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Symbolizer, testing::Values("plain", "signal"));

TEST(SymbolizerOfInlinedFunctions, ShowsThemAsFramesWithTheirSourceText) {
  Target target({NATIVE_STACK_TARGET, "plain"});
  const auto frames = Symbolized(target).stack.frames;
  const auto inner = std::ranges::find(frames, "shop::InnerInline(bool)", &Frame::name);
  ASSERT_NE(inner, frames.end());
  EXPECT_TRUE(inner->inlined);
  EXPECT_EQ(inner->line, "WaitForever();");
  const Frame& outer = *std::next(inner);
  EXPECT_EQ(outer.name, "shop::OuterInline(bool)");
  EXPECT_TRUE(outer.inlined);
  EXPECT_EQ(outer.line, "InnerInline(by_signal);");
  const Frame& caller = *std::next(inner, 2);
  EXPECT_FALSE(caller.inlined);
  EXPECT_EQ(caller.line, "OuterInline(by_signal);");
  EXPECT_EQ(caller.address, inner->address);
}

TEST(SymbolizerOfTheCLibrary, UsesTheNamesThatUsersKnow) {
  Target target({NATIVE_STACK_TARGET, "plain"});
  const Symbolized pyleak(target);
  EXPECT_EQ(pyleak.stack.frames.front().name, "pause");
  EXPECT_EQ(pyleak.symbolizer.FunctionNameAt(pyleak.stack.frames.front().address), "pause");
  EXPECT_EQ(pyleak.symbolizer.FunctionNameAt(RemoteAddress(0)), std::nullopt);
}

TEST(SymbolizerOfUnknownCode, StillGivesAFrame) {
  Target target({NATIVE_STACK_TARGET, "plain"});
  Symbolized pyleak(target);
  RawStack raw;
  raw.frames.push_back({RemoteAddress(0x1000), RemoteAddress(0), true, false});
  raw.incomplete = "for the test";
  const Stack stack = pyleak.symbolizer.Symbolize(raw);
  ASSERT_EQ(stack.frames.size(), 1U);
  EXPECT_EQ(stack.frames.front().address, RemoteAddress(0x1000));
  EXPECT_TRUE(stack.frames.front().module.empty());
  EXPECT_FALSE(stack.complete);
  EXPECT_EQ(stack.notes, std::vector<std::string>{"native stack: for the test"});
}

}  // namespace
}  // namespace pyleak::symbolize
