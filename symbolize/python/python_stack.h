#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "attach/base/remote_address.h"
#include "symbolize/stack.h"

namespace pyleak::symbolize {

/// What a coroutine's scheduler calls it, and what its author did.
struct TaskName {
  std::string name;       ///< asyncio.Task.get_name(), or trio.lowlevel.Task.name.
  std::string coroutine;  ///< Its __qualname__.
};

/// One call of the interpreter's evaluation loop.
struct Evaluation {
  std::size_t frames = 0;  ///< How many Python frames it runs: one before Python 3.11.
  /// Of something that the call keeps on the thread's own stack; null before Python 3.11, which has nothing there.
  RemoteAddress on_stack;
};

/// The Python frames of a thread, and how they lie between its native ones.
struct PythonStack {
  Stack stack;
  std::vector<Evaluation> evaluations;  ///< Outermost first; together they run the frames of `stack`.
  /// Of the coroutine that an event loop runs on this thread, one of whose frames is on `stack`; if that is known.
  std::optional<TaskName> task;
  /// Path of the ELF file that has the interpreter's code, as in Frame::module.
  std::string module;
};

}  // namespace pyleak::symbolize
