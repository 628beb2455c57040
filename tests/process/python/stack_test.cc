#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "tests/process/python/interpreters.h"
#include "tests/process/python/python_target.h"
#include "tests/support/counted_memory.h"

namespace pyleak::tests {
namespace {

using nlohmann::json;
using symbolize::PythonStack;
using symbolize::python::Interpreter;

class PythonStackTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { PYLEAK_NEEDS_PYTHON(GetParam()); }

  static PythonStack Resolve(const PythonTarget& target, const Interpreter& interpreter,
                             const symbolize::python::RawPythonStack& raw) {
    symbolize::SourceText source(target.identity());
    return interpreter.Resolve(raw, source);
  }

  static PythonStack Look(PythonTarget& target, Interpreter& interpreter) {
    return Resolve(target, interpreter, target.Capture(interpreter, target.memory()));
  }
};

INSTANTIATE_TEST_SUITE_P(Every, PythonStackTest, testing::ValuesIn(PythonNames()), PythonTestName);

/// A situation that lasts: the whole stack is compared.
class PythonSituation : public PythonStackTest {
 protected:
  void ExpectTheTargetsOwnStack(const std::string& situation) {
    PythonTarget target(*FindPython(GetParam()), situation);
    Interpreter interpreter = target.FindInterpreter();
    for (const char* time : {"the first time", "again"}) {
      SCOPED_TRACE(time);
      const PythonStack stack = Look(target, interpreter);
      EXPECT_EQ(InOwnForm(stack.stack), target.OwnStack());
      EXPECT_TRUE(stack.stack.complete);
      EXPECT_TRUE(stack.stack.notes.empty()) << stack.stack.notes.front();
    }
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
TEST_P(PythonSituation, TwentyFunctions) { ExpectTheTargetsOwnStack("twenty"); }
TEST_P(PythonSituation, FunctionCalledByTheCLibrary) { ExpectTheTargetsOwnStack("extension"); }
TEST_P(PythonSituation, LongFunction) { ExpectTheTargetsOwnStack("long_function"); }
INSTANTIATE_TEST_SUITE_P(Every, PythonSituation, testing::ValuesIn(PythonNames()), PythonTestName);

TEST_P(PythonStackTest, OfAThreadThatRuns) {
  PythonTarget target(*FindPython(GetParam()), "spin");
  Interpreter interpreter = target.FindInterpreter();
  for (int look = 0; look < 50; ++look) {
    json seen = InOwnForm(Look(target, interpreter).stack);
    json own = target.OwnStack();
    ASSERT_EQ(seen.size(), own.size());
    // Which instruction of its line the thread is at changes all the time.
    seen.back().erase("position");
    own.back().erase("position");
    EXPECT_EQ(seen, own);
  }
}

TEST_P(PythonStackTest, OfAThreadThatSleepsNeedsNoFreezeWhereThePythonKnowsItsThreads) {
  PythonTarget target(*FindPython(GetParam()), "sleep");
  Interpreter interpreter = target.FindInterpreter();
  const auto raw = interpreter.Capture(target.memory(), target.tid(), RemoteAddress());
  const json expected = interpreter.version().minor >= 11 ? target.OwnStack() : json::array();
  EXPECT_EQ(InOwnForm(Resolve(target, interpreter, raw).stack), expected);
}

TEST_P(PythonStackTest, OfAThreadWithoutPythonIsEmpty) {
  PythonTarget target(*FindPython(GetParam()), "sleep");
  Interpreter interpreter = target.FindInterpreter();
  const PythonStack stack =
      Resolve(target, interpreter, interpreter.Capture(target.memory(), 1, RemoteAddress(0x1000)));
  EXPECT_TRUE(stack.stack.frames.empty());
  EXPECT_TRUE(stack.evaluations.empty());
  EXPECT_TRUE(stack.stack.complete);
}

TEST_P(PythonStackTest, OfAThreadSeenBeforeIsOneSystemCall) {
  PythonTarget target(*FindPython(GetParam()), "coroutines");
  Interpreter interpreter = target.FindInterpreter();
  const testing_support::CountedMemory memory(target.memory());
  const auto first = target.Capture(interpreter, memory);
  memory.calls = 0;
  const auto second = target.Capture(interpreter, memory);
  EXPECT_EQ(memory.calls, 1);
  EXPECT_EQ(second.code, first.code);
}

/// Gives back some of what it reads with bytes changed.
class CorruptedMemory : public attach::MemoryReader {
 public:
  CorruptedMemory(const attach::MemoryReader& memory, unsigned seed) : memory_(memory), random_(seed) {}

  std::size_t Read(RemoteAddress from, std::span<std::byte> into) const override {
    const std::size_t count = memory_.Read(from, into);
    for (std::size_t changes = random_() % 3; count > 0 && changes > 0; --changes) {
      into[random_() % count] = static_cast<std::byte>(random_());
    }
    return count;
  }

 private:
  const attach::MemoryReader& memory_;
  mutable std::minstd_rand random_;
};

TEST_P(PythonStackTest, OfMemoryThatCannotBeTrueEndsSomewhere) {
  PythonTarget target(*FindPython(GetParam()), "generators");
  const std::size_t frames = target.OwnStack().size();
  int torn = 0;
  const symbolize::Redaction redaction;
  for (unsigned seed = 1; seed <= 200; ++seed) {
    Interpreter interpreter = target.FindInterpreter();
    const CorruptedMemory memory(target.memory(), seed);
    for (int look = 0; look < 3; ++look) {
      const PythonStack stack = Resolve(target, interpreter, target.Capture(interpreter, memory, &redaction));
      std::size_t sum = 0;
      for (const auto& evaluation : stack.evaluations) sum += evaluation.frames;
      EXPECT_EQ(sum, stack.stack.frames.size());
      EXPECT_EQ(stack.stack.complete, stack.stack.notes.empty());
      EXPECT_NO_THROW((void)InOwnForm(stack.stack).dump());  // It throws where text is not valid UTF-8.
      torn += stack.stack.frames.size() != frames ? 1 : 0;
    }
  }
  EXPECT_GT(torn, 0);
}

TEST(PythonVersion, ThatPyleakDoesNotReadIsAnError) {
  const auto python = FindPython("3.7");
  if (!python) GTEST_SKIP() << "there is no Python 3.7 here";
  testing_support::Child program({*python, "-c", "import sys; print('ready', flush=True); sys.stdin.read()"});
  ASSERT_EQ(program.ReadLine(), "ready");
  const auto identity = *attach::ProcessIdentity::Open(program.pid());
  const auto memory = *attach::ProcessMemory::Open(identity);
  const auto interpreter = Interpreter::Find(*symbolize::ModuleMap::Read(identity, memory), memory);
  ASSERT_FALSE(interpreter.ok());
  EXPECT_NE(interpreter.error().what.find("older than 3.8"), std::string::npos) << interpreter.error().what;
}

TEST(PythonVersion, OfAProcessWithoutPythonIsNoError) {
  testing_support::Child program({"cat"});
  const auto identity = *attach::ProcessIdentity::Open(program.pid());
  const auto memory = *attach::ProcessMemory::Open(identity);
  const auto interpreter = Interpreter::Find(*symbolize::ModuleMap::Read(identity, memory), memory);
  ASSERT_TRUE(interpreter.ok()) << interpreter.error().what;
  EXPECT_FALSE(interpreter->has_value());
}

}  // namespace
}  // namespace pyleak::tests
