#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "symbolize/stack.h"

namespace pyleak::symbolize {

/// What a coroutine's scheduler calls it, and what its author did.
struct TaskName {
  std::string name;       ///< asyncio.Task.get_name().
  std::string coroutine;  ///< Its __qualname__.
};

/// The Python frames of a thread, and how they lie between its native ones.
struct PythonStack {
  Stack stack;
  /// How many frames of `stack` each call of the interpreter's evaluation loop runs, outermost first. One each before
  /// Python 3.11; the sum is the number of frames.
  std::vector<std::size_t> evaluations;
  /// Of the coroutine that an event loop runs on this thread, one of whose frames is on `stack`; if that is known.
  std::optional<TaskName> task;
  /// Path of the ELF file that has the interpreter's code, as in Frame::module.
  std::string module;
};

}  // namespace pyleak::symbolize
