#pragma once

#include <string>
#include <string_view>

namespace pyleak::targets {

/// What a slow call was made on, as the target itself knows it.
struct SlowCall {
  const char* name = nullptr;  ///< The function that made it. Null: there is no such kind.
  int line = 0;
  int error = 0;
  std::string object;  ///< What it waited for: a path, an address, a process.
};

/// Kinds, and their argument: fifo (reads that path), connect and receive (a port of 127.0.0.1), flock (a path), child
/// (a process that sleeps for so long), pages (of that file, read by faults for so long), mutex (of that type, which
/// another thread holds; the object is that thread's number).
SlowCall CallSlowly(double seconds, std::string_view kind, const std::string& argument);

}  // namespace pyleak::targets
