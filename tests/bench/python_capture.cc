/// Prints what a capture of twenty Python frames costs the target: system calls, and microseconds within the freeze;
/// and what it costs with local variables.
///     python_capture [ROUNDS]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tests/process/python/interpreters.h"
#include "tests/process/python/python_target.h"
#include "tests/support/counted_memory.h"

namespace pyleak::tests {
namespace {

struct Cost {
  std::vector<double> microseconds;
  int calls = 0;
};

void Measure(PythonTarget& target, symbolize::python::Interpreter& interpreter, Cost& cost,
             const symbolize::Redaction* locals = nullptr) {
  const testing_support::CountedMemory memory(target.memory());
  target.Hold([&](const attach::FrozenThread& thread) {
    const auto begin = std::chrono::steady_clock::now();
    (void)interpreter.Capture(memory, target.tid(), thread.registers().thread_pointer, locals);
    const auto end = std::chrono::steady_clock::now();
    cost.microseconds.push_back(std::chrono::duration<double, std::micro>(end - begin).count());
    return 0;
  });
  cost.calls = memory.calls;
}

void Print(const char* what, Cost& cost) {
  auto& times = cost.microseconds;
  std::sort(times.begin(), times.end());
  std::printf("  %-28s %3d system calls, p50 %6.1f us, p99 %6.1f us\n", what, cost.calls, times[times.size() / 2],
              times[times.size() * 99 / 100]);
}

/// Of a stack whose frames have some hundred variables of all kinds.
void RunLocals(const std::string& python, int rounds) {
  PythonTarget target(python, "local_variables");
  const symbolize::Redaction redaction;
  Cost without;
  Cost cold;
  Cost warm;
  for (int i = 0; i < rounds; ++i) {
    auto interpreter = target.FindInterpreter();
    Measure(target, interpreter, without);
    Measure(target, interpreter, cold, &redaction);
    Measure(target, interpreter, warm, &redaction);
  }
  Print("without locals", without);
  Print("locals never seen before", cold);
  Print("locals seen before", warm);
}

void Run(const std::string& name, int rounds) {
  const auto python = FindPython(name);
  if (!python) {
    std::printf("%s: not here\n", name.c_str());
    return;
  }
  PythonTarget target(*python, "twenty");
  Cost cold;
  Cost warm;
  for (int i = 0; i < rounds; ++i) {
    auto interpreter = target.FindInterpreter();
    Measure(target, interpreter, cold);
    Measure(target, interpreter, warm);
  }
  std::printf("%s, %zu frames\n", name.c_str(), target.OwnStack().size());
  Print("never seen before", cold);
  Print("seen before", warm);
  RunLocals(*python, rounds);
}

}  // namespace
}  // namespace pyleak::tests

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 300;
  for (const std::string& name : pyleak::tests::PythonNames()) pyleak::tests::Run(name, std::max(rounds, 1));
}
