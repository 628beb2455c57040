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
    python.evaluations.push_back({.frames = names.size(), .on_stack = {}});
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

/// Frames of which each has 100 bytes of the stack, the innermost one at 1000.
Stack OnStack(Stack native) {
  std::uint64_t pointer = 1000;
  for (auto frame = native.frames.rbegin(); frame != native.frames.rend(); ++frame) {
    const bool inlined = frame != native.frames.rbegin() && std::prev(frame)->inlined;
    if (!inlined && frame != native.frames.rbegin()) pointer += 100;
    frame->stack_pointer = RemoteAddress(pointer);
  }
  return native;
}

PythonStack At(PythonStack python, const std::vector<std::uint64_t>& addresses) {
  for (std::size_t i = 0; i < addresses.size(); ++i) python.evaluations[i].on_stack = RemoteAddress(addresses[i]);
  return python;
}

TEST(Merge, KnowsARunOfTheInterpreterByWhatItHasOnTheStack) {
  const Stack native =
      OnStack(Native({"a:main", "libpython:", "+libpython:call", "_lib.so:each", Eval(), "libpython:", "libc:read"}));
  const Stack merged = Merge(native, At(Python({{"a", "b"}, {"c"}}), {1450, 1199}));
  EXPECT_EQ(NamesOf(merged), (Names{"a", "b", "each", "c", "read"}));
  EXPECT_TRUE(merged.notes.empty());
}

TEST(Merge, LeavesOuterPythonFramesWithoutNativeOnesWhereTheUnwinderGotLost) {
  Stack native = OnStack(Native({"_lib.so:outer", Eval(), "_lib.so:each", Eval(), "libc:read"}));
  native.complete = false;
  const Stack expected = Merge(native, Python({{"a"}, {"b"}, {"c"}}));  // Told by names.
  EXPECT_EQ(NamesOf(expected), (Names{"a", "b", "each", "c", "read"}));
  const Stack merged = Merge(native, At(Python({{"a"}, {"b"}, {"c"}}), {5000, 1300, 1100}));
  EXPECT_EQ(NamesOf(merged), NamesOf(expected));
  EXPECT_TRUE(merged.complete);
}

TEST(Merge, OfAddressesThatAreOnNoFrameIsByNames) {
  const Stack native = OnStack(Native({"a:main", Eval(), "_lib.so:each", Eval(), "libc:read"}));
  for (const std::vector<std::uint64_t>& forged : {std::vector<std::uint64_t>{0, 0}, {999, 1}, {~0ULL, 1400}}) {
    EXPECT_EQ(NamesOf(Merge(native, At(Python({{"a"}, {"b"}}), forged))), (Names{"a", "each", "b", "read"}));
  }
  EXPECT_EQ(NamesOf(Merge(Stack(), At(Python({{"a"}}), {1000}))), Names{"a"});
}

TEST(Merge, WithoutPythonIsTheNativeStack) {
  EXPECT_EQ(NamesOf(Merge(Native({"a:main", "libc:poll"}), Python({}))), (Names{"main", "poll"}));
}

TEST(Merge, SaysWhenPythonRunsAndHasNoFrame) {
  const Stack merged = Merge(Native({"python3:main", Eval(), "libpython:time_sleep", "libc:read"}), Python({}));
  EXPECT_FALSE(merged.complete);
  EXPECT_EQ(merged.notes.size(), 1U);
  EXPECT_TRUE(Merge(Native({"python3:main", Eval()}), Python({})).complete) << "it may just begin or end";
}

TEST(Merge, IsCompleteIfThePythonIsAndKeepsTheNotesOfBoth) {
  Stack native = Native({Eval()});
  PythonStack python = Python({{"a"}});
  native.complete = false;
  native.notes = {"one"};
  python.stack.notes = {"two"};
  const Stack merged = Merge(native, python);
  EXPECT_TRUE(merged.complete);
  EXPECT_EQ(merged.notes, (Names{"one", "two"}));
  python.stack.complete = false;
  EXPECT_FALSE(Merge(native, python).complete);
  EXPECT_FALSE(Merge(native, Python({})).complete);
}

}  // namespace
}  // namespace pyleak::symbolize
