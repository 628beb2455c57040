#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attach/memory/process_memory.h"
#include "symbolize/python/interpreter.h"
#include "tests/process/python/held_thread.h"
#include "tests/process/python/interpreters.h"
#include "tests/support/child.h"

namespace pyleak::tests {
namespace {

using nlohmann::json;
using symbolize::Frame;
using symbolize::ModuleMap;
using symbolize::PythonStack;
using symbolize::python::Interpreter;

/// A Python program in one of the situations of tests/targets/python/stacks.py, and pyleak's eye on it.
class PythonTarget {
 public:
  PythonTarget(const std::string& python, const std::string& situation)
      : program_({python, PYLEAK_PYTHON_TARGETS "/stacks.py", situation}) {
    const std::string ready = program_.ReadLine();
    if (ready.starts_with("ready ")) tid_ = std::stoi(ready.substr(6));
  }

  [[nodiscard]] bool ready() const { return tid_ > 0; }
  [[nodiscard]] int tid() const { return tid_; }
  [[nodiscard]] int pid() const { return program_.pid(); }
  json OwnStack() {
    program_.WriteLine("stack");
    return json::parse(program_.ReadLine());
  }

 private:
  testing_support::Child program_;
  int tid_ = 0;
};

json ToJson(const std::optional<int>& number) { return number ? json(*number) : json(); }

/// In the form of the target's own answer.
json ToJson(const Frame& frame) {
  return {{"filename", frame.filename},
          {"name", frame.name},
          {"lineno", ToJson(frame.lineno)},
          {"position", {ToJson(frame.lineno), ToJson(frame.end_lineno), ToJson(frame.colno), ToJson(frame.end_colno)}}};
}

json ToJson(const PythonStack& stack) {
  json frames = json::array();
  for (const Frame& frame : stack.stack.frames) frames.push_back(ToJson(frame));
  return frames;
}

class PythonStackTest : public testing::TestWithParam<std::string> {
 protected:
  /// Attaches to a target in `situation`, and hands it and its interpreter to `check`.
  template <typename Check>
  void With(const std::string& situation, const Check& check) {
    PYLEAK_NEEDS_PYTHON(GetParam());
    PythonTarget target(*FindPython(GetParam()), situation);
    ASSERT_TRUE(target.ready());
    const auto identity = attach::ProcessIdentity::Open(target.pid());
    ASSERT_TRUE(identity.ok());
    const auto memory = attach::ProcessMemory::Open(*identity);
    ASSERT_TRUE(memory.ok());
    const auto modules = ModuleMap::Read(*identity, *memory);
    ASSERT_TRUE(modules.ok());
    auto interpreter = Interpreter::Find(*modules, *memory);
    ASSERT_TRUE(interpreter.ok()) << interpreter.error().what;
    ASSERT_TRUE(interpreter->has_value());
    check(target, **interpreter, *memory);
  }

  static PythonStack Look(Interpreter& interpreter, const attach::MemoryReader& memory, int tid) {
    const HeldThread thread(tid);
    EXPECT_TRUE(thread.held());
    return interpreter.Resolve(interpreter.Capture(memory, tid, thread.thread_pointer()));
  }
};

class PythonSituation : public PythonStackTest {
 protected:
  void ExpectTheTargetsOwnStack(const std::string& situation) {
    With(situation, [](PythonTarget& target, Interpreter& interpreter, const attach::MemoryReader& memory) {
      for (const char* time : {"the first time", "again"}) {
        SCOPED_TRACE(time);
        const PythonStack stack = Look(interpreter, memory, target.tid());
        EXPECT_EQ(ToJson(stack), target.OwnStack());
        EXPECT_TRUE(stack.stack.complete);
        EXPECT_TRUE(stack.stack.notes.empty()) << stack.stack.notes.front();
      }
    });
  }
};

TEST_P(PythonSituation, Sleep) { ExpectTheTargetsOwnStack("sleep"); }
TEST_P(PythonSituation, Recursion) { ExpectTheTargetsOwnStack("recursion"); }
TEST_P(PythonSituation, Generators) { ExpectTheTargetsOwnStack("generators"); }
TEST_P(PythonSituation, Comprehensions) { ExpectTheTargetsOwnStack("comprehensions"); }
TEST_P(PythonSituation, FunctionsCalledByNativeOnes) { ExpectTheTargetsOwnStack("native_callers"); }
TEST_P(PythonSituation, CodeWithoutFile) { ExpectTheTargetsOwnStack("code_without_file"); }
TEST_P(PythonSituation, Classes) { ExpectTheTargetsOwnStack("classes"); }
TEST_P(PythonSituation, NamesOfEveryWidth) { ExpectTheTargetsOwnStack("names"); }
TEST_P(PythonSituation, FileNameOfASubclassOfStr) { ExpectTheTargetsOwnStack("subclass_of_str"); }
TEST_P(PythonSituation, Coroutines) { ExpectTheTargetsOwnStack("coroutines"); }
TEST_P(PythonSituation, LongFunction) { ExpectTheTargetsOwnStack("long_function"); }
INSTANTIATE_TEST_SUITE_P(Every, PythonSituation, testing::ValuesIn(PythonNames()), PythonTestName);

TEST_P(PythonStackTest, OfAThreadThatRuns) {
  With("spin", [](PythonTarget& target, Interpreter& interpreter, const attach::MemoryReader& memory) {
    for (int look = 0; look < 50; ++look) {
      PythonStack stack = Look(interpreter, memory, target.tid());
      json own = target.OwnStack();
      ASSERT_EQ(stack.stack.frames.size(), own.size());
      // Which instruction of its line the thread is at changes all the time.
      json seen = ToJson(stack);
      seen.back().erase("position");
      own.back().erase("position");
      EXPECT_EQ(seen, own);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Every, PythonStackTest, testing::ValuesIn(PythonNames()), PythonTestName);

}  // namespace
}  // namespace pyleak::tests
