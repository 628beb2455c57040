#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "attach/base/result.h"
#include "attach/heartbeat/heartbeat.h"
#include "attach/memory/process_memory.h"
#include "attach/memory/stack_snapshot.h"
#include "attach/proc/process_identity.h"
#include "attach/proc/running_program.h"
#include "symbolize/dwarf/native_symbolizer.h"
#include "symbolize/elf/module_map.h"
#include "symbolize/loop_kind.h"
#include "symbolize/python/interpreter.h"
#include "symbolize/source_text.h"
#include "symbolize/stack.h"
#include "symbolize/unwind/unwinder.h"

namespace pyleak::cli {

/// What a kind of loop says to those who have to tell loops from other waits.
attach::CallerVerdict VerdictOf(const symbolize::LoopKind& kind);

/// The stacks of one sample, with names.
struct NamedStacks {
  symbolize::Stack native;    ///< Every native frame.
  symbolize::Stack python;    ///< The interpreter's frames; empty where there is none.
  symbolize::Stack blocking;  ///< Both in their true order, native frames that do not matter left out.
  std::optional<symbolize::TaskName> task;
};

/// The names of what lies in one process: modules, functions, lines, source text. Any thread may ask; but what the
/// watching thread asks is kept apart, so that it never waits for the naming of a stack.
class ProcessSymbols {
 public:
  /// Of `program`. `memory` outlives the object.
  static Result<std::unique_ptr<ProcessSymbols>> Create(const attach::ProcessIdentity& identity,
                                                        const attach::ProcessMemory& memory,
                                                        const attach::RunningProgram& program);

  /// Code that pyleak itself has placed in the process.
  void AddImage(AddressRange range, std::shared_ptr<const symbolize::ElfImage> image, std::uint64_t bias);

  /// Unwinds, names and merges. `interpreter`: of `python`; null where there is none.
  NamedStacks Name(const attach::StackSnapshot& stack, const symbolize::python::Interpreter* interpreter,
                   const symbolize::python::RawPythonStack& python);

  symbolize::Stack NamePython(const symbolize::python::Interpreter& interpreter,
                              const symbolize::python::RawPythonStack& python);

  /// The code that a wait call returns to. At once.
  symbolize::WaitCaller CallerAt(RemoteAddress return_address);
  /// The same of the stack of a thread that sleeps in a wait.
  symbolize::WaitCaller CallerOfWait(const symbolize::Stack& native);

  Result<std::optional<symbolize::python::Interpreter>> FindInterpreter(const attach::MemoryReader& memory);

 private:
  ProcessSymbols(const attach::ProcessIdentity& identity, const attach::ProcessMemory& memory,
                 const attach::RunningProgram& program, symbolize::ModuleMap modules,
                 symbolize::ModuleMap caller_modules);

  /// The modules that there are now, unless the process has begun another program: what is to be named is not of that.
  bool Refresh(symbolize::ModuleMap& modules) const;

  const attach::ProcessMemory& memory_;
  RemoteAddress stack_start_;  ///< Of the program.

  std::mutex caller_mutex_;
  symbolize::ModuleMap caller_modules_;  ///< Guarded by caller_mutex_.

  std::mutex mutex_;  ///< Guards all below.
  symbolize::ModuleMap modules_;
  symbolize::SourceText source_;
  symbolize::Unwinder unwinder_;
  symbolize::NativeSymbolizer symbolizer_;
};

}  // namespace pyleak::cli
