#include "symbolize/merge.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attach/trace/capture_buffer.h"
#include "symbolize/dwarf/native_symbolizer.h"
#include "symbolize/source_text.h"
#include "symbolize/unwind/unwinder.h"
#include "tests/process/python/interpreters.h"
#include "tests/process/python/python_target.h"

namespace pyleak::tests {
namespace {

using symbolize::Frame;
using symbolize::Stack;
using Names = std::vector<std::string>;

/// Both stacks of the target's main thread, copied while it was held once.
class Merged : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { PYLEAK_NEEDS_PYTHON(GetParam()); }

  static Stack Look(PythonTarget& target) {
    auto interpreter = target.FindInterpreter();
    attach::CaptureBuffer buffer;
    const auto raw = target.Hold([&](const attach::FrozenThread& thread) {
      thread.CaptureStack(target.memory(), buffer);
      return interpreter.Capture(target.memory(), target.tid(), thread.registers().thread_pointer);
    });
    symbolize::SourceText source(target.identity());
    symbolize::NativeSymbolizer symbolizer(target.identity(), target.modules(), source);
    const Stack native = symbolizer.Symbolize(symbolize::Unwinder(target.modules()).Unwind(buffer.Snapshot()));
    return symbolize::Merge(native, interpreter.Resolve(raw, source));
  }

  static Names PythonNamesOf(const Stack& stack) {
    Names names;
    for (const Frame& frame : stack.frames) {
      if (frame.language == symbolize::Language::kPython) names.push_back(frame.name);
    }
    return names;
  }

  static Names OwnNames(PythonTarget& target) {
    Names names;
    for (const auto& frame : target.OwnStack()) names.push_back(frame["name"]);
    return names;
  }
};

TEST_P(Merged, StackHasEveryPythonFrameAndNoMismatch) {
  for (const char* situation : {"native_callers", "classes", "coroutines", "extension"}) {
    SCOPED_TRACE(situation);
    PythonTarget target(*FindPython(GetParam()), situation);
    const Stack merged = Look(target);
    EXPECT_EQ(PythonNamesOf(merged), OwnNames(target));
    EXPECT_TRUE(merged.complete);
    EXPECT_TRUE(merged.notes.empty()) << merged.notes.front();
    const Stack view = symbolize::UserView(merged);
    ASSERT_EQ(view.frames.size(), PythonNamesOf(merged).size() + 1);
    EXPECT_NE(view.frames.back().module.find("libc"), std::string::npos) << view.frames.back().module;
  }
}

TEST_P(Merged, StackOfARunningThreadFitsTogether) {
  PythonTarget target(*FindPython(GetParam()), "spin");
  for (int look = 0; look < 5; ++look) {
    const Stack merged = Look(target);
    EXPECT_EQ(PythonNamesOf(merged), OwnNames(target));
    EXPECT_TRUE(merged.notes.empty()) << merged.notes.front();
  }
}

TEST_P(Merged, StackHasTheCLibraryBetweenThePythonThatCallsItAndThePythonThatItCalls) {
  PythonTarget target(*FindPython(GetParam()), "extension");
  const Stack merged = Look(target);
  std::string order;  // Without the frames of ctypes and libffi, which have names only in some builds.
  for (const Frame& frame : merged.frames) {
    if (frame.name == "extension") order += "extension ";
    if (frame.module.find("libc.so") != std::string::npos) order += order.ends_with("libc ") ? "" : "libc ";
    if (frame.name.ends_with("compare")) order += "compare ";
    if (frame.name == "wait") order += "wait ";
  }
  EXPECT_EQ(order, "extension libc compare wait libc ");
}

INSTANTIATE_TEST_SUITE_P(Every, Merged, testing::ValuesIn(PythonNames()), PythonTestName);

}  // namespace
}  // namespace pyleak::tests
