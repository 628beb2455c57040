#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "symbolize/stack.h"

namespace pyleak::symbolize {

/// The Python frames of a thread, and how they lie between its native ones.
struct PythonStack {
  Stack stack;
  /// How many frames of `stack` each call of the interpreter's evaluation loop runs, outermost first. One each before
  /// Python 3.11; the sum is the number of frames.
  std::vector<std::size_t> evaluations;
  /// Path of the ELF file that has the interpreter's code, as in Frame::module.
  std::string module;
};

}  // namespace pyleak::symbolize
