#include "cli/frame_filter.h"

#include <gtest/gtest.h>

#include "tests/support/sample_events.h"

namespace pyleak::cli {
namespace {

using symbolize::Frame;
using symbolize::Language;
using symbolize::Stack;

const Frame kPython{
    .language = Language::kPython, .name = "Service.handle", .filename = "/srv/my/app.py", .lineno = 42};
const Frame kNative{
    .name = "db::Pool::take(int)", .filename = "/src/pool.cc", .lineno = 7, .module = "/usr/lib/libdb.so.5"};

bool Matches(const char* text, const Frame& frame) {
  auto filter = FrameFilter::Parse(text);
  EXPECT_TRUE(filter.ok()) << text;
  return filter.ok() && filter->Matches(frame);
}

TEST(FrameFilter, ComparesTheLastComponentsOfThePath) {
  EXPECT_TRUE(Matches("app.py", kPython));
  EXPECT_TRUE(Matches("my/app.py", kPython));
  EXPECT_TRUE(Matches("/srv/my/app.py", kPython));
  EXPECT_FALSE(Matches("pp.py", kPython));
  EXPECT_FALSE(Matches("y/app.py", kPython));
  EXPECT_FALSE(Matches("/my/app.py", kPython));
  EXPECT_FALSE(Matches("a/b/c/d/app.py", kPython));
}

TEST(FrameFilter, TakesGlobsWithinAComponent) {
  EXPECT_TRUE(Matches("*.py", kPython));
  EXPECT_TRUE(Matches("/srv/*/app.py", kPython));
  EXPECT_FALSE(Matches("/srv/*", kPython));
  EXPECT_TRUE(Matches("app.py:*.hand*", kPython));
}

TEST(FrameFilter, ComparesNameAndLine) {
  EXPECT_TRUE(Matches("app.py:Service.handle", kPython));
  EXPECT_TRUE(Matches("app.py:handle", kPython));
  EXPECT_TRUE(Matches("app.py:handle:42", kPython));
  EXPECT_TRUE(Matches("app.py::42", kPython));
  EXPECT_FALSE(Matches("app.py:hand", kPython));
  EXPECT_FALSE(Matches("app.py:Service", kPython));
  EXPECT_FALSE(Matches("app.py:handle:41", kPython));
}

TEST(FrameFilter, KnowsNativeFramesBySourceAndByModule) {
  EXPECT_TRUE(Matches("pool.cc", kNative));
  EXPECT_TRUE(Matches("libdb.so.*", kNative));
  EXPECT_TRUE(Matches("pool.cc:db::Pool::take(int):7", kNative));
  EXPECT_TRUE(Matches("pool.cc:Pool::take*", kNative));
  EXPECT_FALSE(Matches("pool.cc:Pool", kNative));
}

TEST(FrameFilter, RefusesWhatNamesNothing) {
  EXPECT_FALSE(FrameFilter::Parse("").ok());
  EXPECT_FALSE(FrameFilter::Parse(":handle").ok());
  EXPECT_FALSE(FrameFilter::Parse("app.py:42").ok());
  EXPECT_FALSE(FrameFilter::Parse("app.py:handle:0").ok());
  EXPECT_FALSE(FrameFilter::Parse("app.py:handle:99999999999").ok());
}

TEST(FrameFilter, AnUnknownFileMatchesNothing) { EXPECT_FALSE(Matches("*", Frame{})); }

TEST(HasCaller, LooksAtEveryFrame) {
  const Stack stack = *testing::SleepingBlock().blocking_stack;
  EXPECT_TRUE(HasCaller(stack, *FrameFilter::Parse("app.py:<module>:22")));
  EXPECT_TRUE(HasCaller(stack, *FrameFilter::Parse("libc.so.6:clock_nanosleep")));
  EXPECT_FALSE(HasCaller(stack, *FrameFilter::Parse("other.py")));
}

TEST(InnermostUserFrame, PrefersAnInterpretedLanguage) {
  const Stack stack = *testing::SleepingBlock().blocking_stack;
  ASSERT_NE(InnermostUserFrame(stack), nullptr);
  EXPECT_EQ(InnermostUserFrame(stack)->name, "handle_request");
}

TEST(InnermostUserFrame, SkipsTheCLibraryInANativeStack) {
  const Stack stack{.frames = {kNative, Frame{.name = "nanosleep", .module = "/lib/libc.so.6"},
                               Frame{.name = "_dl_fixup", .module = "/lib64/ld-linux-x86-64.so.2"}}};
  ASSERT_NE(InnermostUserFrame(stack), nullptr);
  EXPECT_EQ(InnermostUserFrame(stack)->name, kNative.name);
  EXPECT_EQ(InnermostUserFrame(Stack{.frames = {stack.frames[1]}}), nullptr);
}

}  // namespace
}  // namespace pyleak::cli
