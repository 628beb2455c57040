#include "symbolize/merge.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pyleak::symbolize {
namespace {

using Names = std::vector<std::string>;

constexpr const char* kEval = "_PyEval_EvalFrameDefault";

/// Frames of native code, each "module:function"; "+module:function" is one that was inlined.
Stack Native(const Names& names) {
  Stack stack{.frames = {}, .complete = true, .notes = {}};
  for (const std::string& name : names) {
    const std::size_t begin = name.starts_with('+') ? 1 : 0;
    const std::size_t colon = name.find(':');
    Frame frame;
    frame.module = name.substr(begin, colon - begin);
    frame.name = name.substr(colon + 1);
    frame.inlined = begin != 0;
    stack.frames.push_back(frame);
  }
  return stack;
}

std::string Eval() { return std::string("libpython:") + kEval; }

PythonStack Python(const std::vector<Names>& evaluations) {
  PythonStack python;
  python.module = "libpython";
  python.stack.complete = true;
  for (const Names& names : evaluations) {
    python.evaluations.push_back(names.size());
    for (const std::string& name : names) {
      Frame frame;
      frame.language = Language::kPython;
      frame.name = name;
      python.stack.frames.push_back(frame);
    }
  }
  return python;
}

Names NamesOf(const Stack& stack) {
  Names names;
  for (const Frame& frame : stack.frames) names.push_back(frame.name);
  return names;
}

TEST(Merge, PutsPythonFramesWhereTheInterpreterRunsThem) {
  const Stack merged =
      Merge(Native({"python3:_start", "python3:main", "libpython:Py_RunMain", Eval(), "+libpython:call_function",
                    "libpython:builtin_sorted", Eval(), "libpython:time_sleep", "libc:clock_nanosleep"}),
            Python({{"<module>", "run"}, {"key"}}));
  EXPECT_EQ(NamesOf(merged), (Names{"<module>", "run", "key", "time_sleep", "clock_nanosleep"}));
  EXPECT_TRUE(merged.complete);
  EXPECT_TRUE(merged.notes.empty());
}

TEST(Merge, KeepsExtensionsBetweenPythonFrames) {
  const Stack merged = Merge(Native({"python3:main", Eval(), "libpython:cfunction_call", "_lib.so:each", "libc:qsort",
                                     "libpython:PyObject_Call", ":", Eval(), "_lib.so:work"}),
                             Python({{"outer"}, {"inner"}}));
  EXPECT_EQ(NamesOf(merged), (Names{"outer", "each", "qsort", "inner", "work"}));
}

TEST(Merge, KnowsThePartsOfTheEvaluationLoop) {
  const Stack merged = Merge(Native({Eval() + ".cold", "libpython:_PyEval_EvalFrameDefaultly", Eval() + ".constprop.0",
                                     Eval(), "libpython:_TAIL_CALL_CALL", "libpython:_TAIL_CALL_SEND", "libc:poll"}),
                             Python({{"a"}, {"b"}, {"c"}, {"d"}}));
  EXPECT_EQ(NamesOf(merged), (Names{"a", "b", "c", "d", "poll"}));
  EXPECT_TRUE(merged.notes.empty());
}

TEST(Merge, AllowsForARunOfTheInterpreterThatHasNoFrameYet) {
  const Stack merged = Merge(Native({Eval(), "libpython:_PyEval_Vector", Eval()}), Python({{"a", "b"}, {}}));
  EXPECT_EQ(NamesOf(merged), (Names{"a", "b"}));
  EXPECT_TRUE(merged.notes.empty());
}

TEST(Merge, SaysWhenTheTwoDoNotMatch) {
  const Stack merged = Merge(Native({Eval(), "_lib.so:between", Eval(), "libc:read"}), Python({{"a"}, {"b"}, {"c"}}));
  EXPECT_EQ(NamesOf(merged), (Names{"a", "b", "c", "read"}));
  ASSERT_EQ(merged.notes.size(), 1U);
  EXPECT_NE(merged.notes[0].find("(3 runs of the interpreter) and the native ones (2) do not match"),
            std::string::npos);
}

TEST(Merge, WithoutANameForTheLoopKeepsWhatIsSurelyBelowThePython) {
  const Stack merged = Merge(Native({"_lib.so:outside", "libpython:", "_lib.so:work", "libc:read"}), Python({{"a"}}));
  EXPECT_EQ(NamesOf(merged), (Names{"a", "work", "read"}));
  EXPECT_EQ(merged.notes.size(), 1U);
}

TEST(Merge, WithoutPythonIsTheNativeStack) {
  EXPECT_EQ(NamesOf(Merge(Native({"a:main", "libc:poll"}), Python({}))), (Names{"main", "poll"}));
}

TEST(Merge, IsCompleteOnlyIfBothAreAndKeepsTheirNotes) {
  Stack native = Native({Eval()});
  PythonStack python = Python({{"a"}});
  native.complete = false;
  native.notes = {"one"};
  python.stack.notes = {"two"};
  const Stack merged = Merge(native, python);
  EXPECT_FALSE(merged.complete);
  EXPECT_EQ(merged.notes, (Names{"one", "two"}));
}

TEST(UserView, IsTheUsersFramesAndTheNativeOneInWhichTheyEnd) {
  const Stack merged =
      Merge(Native({Eval(), "_lib.so:between", Eval(), "libpython:time_sleep", "libc:clock_nanosleep"}),
            Python({{"a"}, {"b"}}));
  EXPECT_EQ(NamesOf(UserView(merged)), (Names{"a", "b", "clock_nanosleep"}));
}

TEST(UserView, HasNoNativeFrameWhereThePythonItselfRuns) {
  EXPECT_EQ(NamesOf(UserView(Merge(Native({"python3:main", Eval()}), Python({{"a"}})))), (Names{"a"}));
}

TEST(UserView, OfANativeProgramIsItsWholeStack) {
  EXPECT_EQ(NamesOf(UserView(Native({"a:main", "libc:poll"}))), (Names{"main", "poll"}));
  EXPECT_TRUE(UserView(Stack()).frames.empty());
}

}  // namespace
}  // namespace pyleak::symbolize
