#pragma once

#include <optional>
#include <string>
#include <vector>

#include "symbolize/stack.h"

namespace pyleak::symbolize {

/// Every value that LoopKind::name can have.
std::vector<std::string> KnownLoopKinds();

/// The code that makes a wait call.
struct WaitCaller {
  std::string module;    ///< Path of the ELF file; empty: code that no file backs.
  std::string function;  ///< Demangled; empty: not known.
};

/// What is known of a wait from the code around it.
struct LoopKind {
  enum class Verdict {
    kUnknown,  ///< The program's own code, or a library that pyleak does not know.
    kLoop,     ///< The poll function of an event loop library.
    kNotLoop,  ///< Code that waits for one answer: a database or HTTP client, a subprocess module.
  };
  std::string name = "generic";  ///< As the JSON contract has it in loop.kind.
  Verdict verdict = Verdict::kUnknown;
};

/// True if only the Python stack at the wait can tell the kind: the caller is the interpreter's select module.
bool IsPythonSelect(const WaitCaller& caller);

/// `python`: the Python stack while the thread waits; empty where there is none, or where it was not asked for.
LoopKind IdentifyLoop(const WaitCaller& caller, const Stack& python);

enum class LoopOnStack { kYes, kNo, kUnknown };

/// Whether the code that runs the loop is still on a stack taken between two waits. If it is not, the loop has ended,
/// or rests, and what the thread does is nothing that the loop waits for. kUnknown where the kind gives no sign.
LoopOnStack IsLoopOnStack(const LoopKind& kind, const WaitCaller& caller, const Stack& native, const Stack& python);

/// The event loop that a stack runs in, told by the functions of libraries that pyleak knows. For a thread that has
/// not been seen to wait.
std::optional<std::string> LoopOfStack(const Stack& native, const Stack& python);

}  // namespace pyleak::symbolize
