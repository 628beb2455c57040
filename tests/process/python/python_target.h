#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "attach/memory/process_memory.h"
#include "attach/proc/process_identity.h"
#include "attach/trace/frozen_thread.h"
#include "attach/trace/thread_look.h"
#include "attach/trace/tracer.h"
#include "symbolize/elf/module_map.h"
#include "symbolize/python/interpreter.h"
#include "symbolize/stack.h"
#include "tests/support/child.h"

namespace pyleak::tests {

/// A Python program in one of the situations of tests/targets/python/stacks.py, and what is needed to look at it.
/// Throws, and so fails the test, if any of that cannot be had.
class PythonTarget {
 public:
  /// `script`: of tests/targets/python, one that is told the situation in the same way and says the same when it is
  /// ready.
  PythonTarget(const std::string& python, const std::string& situation, const std::string& script = "stacks.py");

  [[nodiscard]] int pid() const { return program_.pid(); }
  /// Of the main thread, which is the one in the situation.
  [[nodiscard]] int tid() const { return tid_; }
  [[nodiscard]] const attach::ProcessIdentity& identity() const { return *identity_; }
  [[nodiscard]] const attach::ProcessMemory& memory() const { return *memory_; }
  [[nodiscard]] const symbolize::ModuleMap& modules() const { return *modules_; }

  [[nodiscard]] symbolize::python::Interpreter FindInterpreter() const;

  /// The main thread's frames, as the interpreter itself sees them.
  nlohmann::json OwnStack() { return Ask("stack"); }
  /// Ends the situation's wait; returns once it waits again.
  void Next() { Ask("next"); }
  /// Each frame's name, and its variables by name as variables.py shows them.
  nlohmann::json OwnVariables() { return Ask("variables"); }

  /// What `capture(frozen_thread)` returns, called while the main thread is held.
  template <typename Capture>
  auto Hold(const Capture& capture) {
    return tracer_.Run([&] {
      const auto frozen = attach::FrozenThread::Freeze(*look_, {.limit = std::chrono::seconds(5), .renew_poll = false});
      return capture(frozen->value());
    });
  }

  symbolize::python::RawPythonStack Capture(symbolize::python::Interpreter& interpreter,
                                            const attach::MemoryReader& memory,
                                            const symbolize::Redaction* locals = nullptr);

 private:
  nlohmann::json Ask(const std::string& question);

  testing_support::Child program_;
  int tid_ = 0;
  std::optional<attach::ProcessIdentity> identity_;
  std::optional<attach::ProcessMemory> memory_;
  std::optional<symbolize::ModuleMap> modules_;
  std::optional<attach::ThreadLook> look_;
  attach::Tracer tracer_;
};

/// The Python frames of a stack in the form of the target's own answer.
nlohmann::json InOwnForm(const symbolize::Stack& stack);

}  // namespace pyleak::tests
