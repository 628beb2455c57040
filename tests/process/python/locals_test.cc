#include "symbolize/python/locals.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "symbolize/source_text.h"
#include "tests/process/python/interpreters.h"
#include "tests/process/python/python_target.h"
#include "tests/support/counted_memory.h"

namespace pyleak::tests {
namespace {

using nlohmann::json;
using symbolize::Redaction;
using symbolize::python::Interpreter;
using symbolize::python::RawPythonStack;

/// In the form of the target's own answer.
json ToJson(const symbolize::PythonStack& stack) {
  json frames = json::array();
  for (const symbolize::Frame& frame : stack.stack.frames) {
    json variables = json::object();
    for (const auto& [name, value] : frame.locals.value()) variables[name] = value;
    frames.push_back({frame.name, std::move(variables)});
  }
  return frames;
}

class PythonLocals : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { PYLEAK_NEEDS_PYTHON(GetParam()); }

  static symbolize::PythonStack Resolve(const PythonTarget& target, const Interpreter& interpreter,
                                        const RawPythonStack& raw) {
    symbolize::SourceText source(target.identity());
    return interpreter.Resolve(raw, source);
  }

  const Redaction redaction_;
};

INSTANTIATE_TEST_SUITE_P(Every, PythonLocals, testing::ValuesIn(PythonNames()), PythonTestName);

TEST_P(PythonLocals, AreThoseThatTheTargetSees) {
  PythonTarget target(*FindPython(GetParam()), "local_variables");
  Interpreter interpreter = target.FindInterpreter();
  for (const char* time : {"the first time", "again"}) {
    SCOPED_TRACE(time);
    const json own = target.OwnVariables();
    const json seen = ToJson(Resolve(target, interpreter, target.Capture(interpreter, target.memory(), &redaction_)));
    ASSERT_EQ(seen.size(), own.size());
    for (std::size_t i = 0; i < own.size(); ++i) EXPECT_EQ(seen[i], own[i]) << json::diff(seen[i], own[i]).dump(1);
  }
}

TEST_P(PythonLocals, AreReadOnlyWhereTheyAreAskedFor) {
  PythonTarget target(*FindPython(GetParam()), "local_variables");
  Interpreter interpreter = target.FindInterpreter();
  const auto stack = Resolve(target, interpreter, target.Capture(interpreter, target.memory()));
  for (const symbolize::Frame& frame : stack.stack.frames) EXPECT_FALSE(frame.locals.has_value());
}

TEST_P(PythonLocals, OfAThreadSeenBeforeAreOneSystemCall) {
  PythonTarget target(*FindPython(GetParam()), "local_variables");
  const testing_support::CountedMemory memory(target.memory());
  Interpreter without = target.FindInterpreter();
  (void)target.Capture(without, memory);
  const int calls_without = std::exchange(memory.calls, 0);
  Interpreter interpreter = target.FindInterpreter();
  (void)target.Capture(interpreter, memory, &redaction_);
  EXPECT_LE(memory.calls, calls_without + 16);
  memory.calls = 0;
  (void)target.Capture(interpreter, memory, &redaction_);
  EXPECT_EQ(memory.calls, 1);
}

}  // namespace
}  // namespace pyleak::tests
