#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <utility>

#include "tests/process/python/interpreters.h"
#include "tests/process/python/merged_looks.h"
#include "tests/process/python/python_target.h"

namespace pyleak::tests {
namespace {

using nlohmann::json;
using symbolize::Frame;
using symbolize::Stack;

/// `few` as a rule, `many` under scripts/torture.
int Rounds(int few, int many) { return std::getenv("PYLEAK_LONG_TESTS") != nullptr ? many : few; }

class Property : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { PYLEAK_NEEDS_PYTHON(GetParam()); }
};

TEST_P(Property, StacksOfRandomProgramsAreTheirOwn) {
  PythonTarget target(*FindPython(GetParam()), "programs");
  MergedLooks looks(target);
  for (int program = 0; program < Rounds(60, 1000); ++program) {
    const json own = target.OwnStack();
    SCOPED_TRACE(own[3]["filename"]);
    const Stack stack = looks.Look();
    ASSERT_EQ(InOwnForm(stack), own);
    EXPECT_TRUE(stack.complete);
    EXPECT_TRUE(stack.notes.empty()) << stack.notes.front();
    target.Next();
  }
}

/// The calls that a program makes, as the target knows them.
class CallGraph {
 public:
  explicit CallGraph(const json& calls) {
    for (const json& call : calls) calls_.emplace(Caller(call[0], call[1], call[2]), std::pair(call[3], call[4]));
  }

  /// The program's part of a stack in words; with "no call of" in it if the program cannot have made such a stack.
  [[nodiscard]] std::string Path(const Stack& stack) const {
    std::string path;
    const Frame* caller = nullptr;
    for (const Frame& frame : stack.frames) {
      if (frame.filename != "<graph>") continue;
      if (caller != nullptr && !HasCall(*caller, frame)) path += "no call of ";
      path += frame.name + ":" + std::to_string(LineOf(frame)) + " ";
      caller = &frame;
    }
    return path;
  }

 private:
  using Caller = std::tuple<std::string, int, std::string>;

  /// 0: none. A function that has just begun stands on an instruction that belongs to no line.
  static int LineOf(const Frame& frame) { return frame.lineno.value_or(0); }

  [[nodiscard]] bool HasCall(const Frame& caller, const Frame& called) const {
    const auto [begin, end] = calls_.equal_range(Caller(caller.name, LineOf(caller), called.name));
    return std::any_of(begin, end, [&](const auto& call) {
      return !called.lineno || (call.second.first <= *called.lineno && *called.lineno <= call.second.second);
    });
  }

  std::multimap<Caller, std::pair<int, int>> calls_;
};

TEST_P(Property, StacksOfABusyProgramArePathsOfItsCallGraph) {
  PythonTarget target(*FindPython(GetParam()), "1", "call_graph.py");
  const CallGraph graph(target.OwnStack());
  MergedLooks looks(target);
  std::string last;
  int moves = 0;
  int torn = 0;
  // On a busy machine the program may stand still from look to look.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(Rounds(90, 500));
  for (int look = 0; look < Rounds(1000, 10000) || moves < 100; ++look) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << moves << " moves in " << look << " looks";
    const Stack stack = looks.Look();
    const std::string path = graph.Path(stack);
    EXPECT_EQ(path.find("no call of"), std::string::npos) << path;
    EXPECT_TRUE(!stack.complete || path.starts_with("<module>:")) << path;
    if (std::exchange(last, path) == path) continue;
    ++moves;
    torn += stack.complete && stack.notes.empty() ? 0 : 1;
  }
  // Only 3.11 and 3.12 have moments at which their frames cannot be known, or not where in the native stack they belong;
  // this program calls, and does little else.
  EXPECT_LE(torn, 1 + moves / 20);
}

INSTANTIATE_TEST_SUITE_P(Every, Property, testing::ValuesIn(PythonNames()), PythonTestName);

}  // namespace
}  // namespace pyleak::tests
