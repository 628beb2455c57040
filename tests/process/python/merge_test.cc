#include "symbolize/merge.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/process/python/interpreters.h"
#include "tests/process/python/merged_looks.h"
#include "tests/process/python/python_target.h"

namespace pyleak::tests {
namespace {

using symbolize::Frame;
using symbolize::Stack;
using Names = std::vector<std::string>;

class Merged : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { PYLEAK_NEEDS_PYTHON(GetParam()); }

  static Names NamesIn(const nlohmann::json& own_form) {
    Names names;
    for (const auto& frame : own_form) names.push_back(frame["name"]);
    return names;
  }

  /// `unwindable`: nothing stops an unwinder on its way to the thread's first function. The stacks must fit together
  /// in any case.
  void ExpectTheTargetsOwnStackIn(const Names& situations, bool unwindable = true) {
    for (const std::string& situation : situations) {
      SCOPED_TRACE(situation);
      PythonTarget target(*FindPython(GetParam()), situation);
      const Stack merged = MergedLooks(target).Look();
      EXPECT_EQ(InOwnForm(merged), target.OwnStack());
      EXPECT_TRUE(merged.complete);
      for (const std::string& note : merged.notes)
        EXPECT_TRUE(!unwindable && note.starts_with("native stack:")) << note;
      EXPECT_NE(merged.frames.back().module.find("libc.so"), std::string::npos) << merged.frames.back().module;
    }
  }
};

TEST_P(Merged, StackOfPythonThatIsCalledByTheInterpreter) {
  ExpectTheTargetsOwnStackIn({"native_callers", "classes", "sorting", "decorators", "special_methods", "destructors",
                              "class_bodies", "callbacks_of_modules", "evaluated", "imports", "zipped_imports",
                              "signal_handlers", "trace_functions"});
}

TEST_P(Merged, StackOfGeneratorsAndCoroutines) {
  ExpectTheTargetsOwnStackIn({"generators", "coroutines", "generator_methods", "asynchronous_generators", "callbacks"});
}

TEST_P(Merged, StackOfPythonThatIsCalledByExtensions) {
  ExpectTheTargetsOwnStackIn({"extension", "c_extension", "c_extension_and_ctypes"});
}

/// The native stack is longer than what is copied of it.
TEST_P(Merged, StackOfDeepRecursion) { ExpectTheTargetsOwnStackIn({"deep", "deep_in_c"}, false); }

/// Extensions that are there for the distribution's Python only.
class MergedOfDistribution : public Merged {};

TEST_P(MergedOfDistribution, StackOfNumpy) {
  PYLEAK_NEEDS_MODULE("numpy");
  ExpectTheTargetsOwnStackIn({"numpy_callbacks", "numpy_objects"});
}

/// Where a greenlet begins, an unwinder finds what is left of another one's stack.
TEST_P(MergedOfDistribution, StackOfGreenlets) {
  PYLEAK_NEEDS_MODULE("greenlet");
  ExpectTheTargetsOwnStackIn({"greenlets", "greenlets_and_c_extension"}, false);
}

INSTANTIATE_TEST_SUITE_P(Every, MergedOfDistribution, testing::Values("distribution"), PythonTestName);

TEST_P(Merged, StackOfARunningThreadFitsTogether) {
  PythonTarget target(*FindPython(GetParam()), "spin");
  for (int look = 0; look < 5; ++look) {
    const Stack merged = MergedLooks(target).Look();
    EXPECT_EQ(NamesIn(InOwnForm(merged)), NamesIn(target.OwnStack()));
    EXPECT_TRUE(merged.notes.empty()) << merged.notes.front();
  }
}

/// Names of the frames from `from` on, without those of ctypes and libffi, which have names only in some builds.
Names NamesFrom(const Stack& merged, const std::string& from) {
  Names names;
  for (const Frame& frame : merged.frames) {
    if (names.empty() && frame.name != from) continue;
    if (frame.module.find("ffi") != std::string::npos || frame.module.find("_ctypes") != std::string::npos) continue;
    // glibc's own helpers of qsort() differ from version to version.
    const bool library = frame.module.find("libc.so") != std::string::npos;
    if (!library || names.back() != "libc") names.push_back(library ? "libc" : frame.name);
  }
  return names;
}

TEST_P(Merged, StackHasTheCLibraryBetweenThePythonThatCallsItAndThePythonThatItCalls) {
  PythonTarget target(*FindPython(GetParam()), "extension");
  const Names names = NamesFrom(MergedLooks(target).Look(), "extension");
  ASSERT_GE(names.size(), 4U);
  EXPECT_EQ(Names(names.begin(), names.begin() + 4), (Names{"extension", "libc", "compare", "wait"}));
  EXPECT_EQ(names.back(), "libc");
}

TEST_P(Merged, StackHasAnExtensionsFunctionsBetweenThePythonThatCallsThemAndThePythonThatTheyCall) {
  PythonTarget target(*FindPython(GetParam()), "c_extension");
  const Names names = NamesFrom(MergedLooks(target).Look(), "c_extension");
  const Names begin = {"c_extension", "<lambda>", "CallFromQsort", "libc",     "Compare",        "CallFromBelow",
                       "<lambda>",    "Evaluate", "<module>",      "<lambda>", "CallWithoutGil", "CallFromBelow",
                       "<lambda>",    "Call",     "CallFromBelow", "wait"};
  ASSERT_GT(names.size(), begin.size());
  EXPECT_EQ(Names(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(begin.size())), begin);
}

INSTANTIATE_TEST_SUITE_P(Every, Merged, testing::ValuesIn(PythonNames()), PythonTestName);

}  // namespace
}  // namespace pyleak::tests
