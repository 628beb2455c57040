#pragma once

#include <memory>
#include <optional>
#include <string>

#include "attach/base/result.h"
#include "attach/memory/process_memory.h"
#include "attach/proc/namespaces.h"
#include "attach/proc/process_identity.h"
#include "attach/proc/running_program.h"
#include "cli/watch/process_symbols.h"
#include "symbolize/python/interpreter.h"

namespace pyleak::cli {

/// One process of a watch, and all that is needed to look into it. Shared by the thread that watches and the one that
/// names stacks: what is not const belongs to the first.
class WatchedProcess {
 public:
  static Result<std::shared_ptr<WatchedProcess>> Open(const attach::ProcessIdentity& identity);

  /// What it ran when it was opened; all that is known of it belongs to that.
  [[nodiscard]] const attach::RunningProgram& program() const { return program_; }
  /// False once it has ended or begun another program by exec.
  [[nodiscard]] bool RunsSameProgram() const { return memory_.IsSameProgram(program_.stack_start); }

  [[nodiscard]] const attach::ProcessIdentity& identity() const { return identity_; }
  [[nodiscard]] int pid() const { return identity_.pid(); }
  /// The name of the program as the kernel has it (comm).
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const attach::ProcessMemory& memory() const { return memory_; }
  [[nodiscard]] const attach::Namespaces& namespaces() const { return namespaces_; }
  /// Locked within; for both threads.
  [[nodiscard]] ProcessSymbols& symbols() const { return *symbols_; }

  /// Null if the process has no CPython, or none that pyleak can read. For the watching thread only, but for Resolve.
  [[nodiscard]] const std::shared_ptr<symbolize::python::Interpreter>& interpreter() const { return interpreter_; }
  /// Why a CPython that is there cannot be read; else empty.
  [[nodiscard]] const std::string& interpreter_problem() const { return interpreter_problem_; }
  /// Looks for an interpreter that was loaded since.
  void FindInterpreter();

 private:
  WatchedProcess(const attach::ProcessIdentity& identity, attach::ProcessMemory memory,
                 const attach::RunningProgram& program)
      : identity_(identity),
        memory_(std::move(memory)),
        program_(program),
        namespaces_(attach::Namespaces::Of(identity)) {}

  attach::ProcessIdentity identity_;
  attach::ProcessMemory memory_;
  attach::RunningProgram program_;
  attach::Namespaces namespaces_;
  std::string name_;
  std::unique_ptr<ProcessSymbols> symbols_;
  std::shared_ptr<symbolize::python::Interpreter> interpreter_;
  std::string interpreter_problem_;
};

}  // namespace pyleak::cli
