#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pyleak::symbolize {

/// A frame as elfutils prints it.
struct EuFrame {
  std::uint64_t program_counter = 0;
  std::string name;
  std::string source;  ///< "file:line:column", if known.
};

/// The main thread's stack, innermost frame first, as eu-stack finds it with an unwinder and a reader of its own.
std::vector<EuFrame> EuStack(int pid, bool with_inlined_functions);

}  // namespace pyleak::symbolize
