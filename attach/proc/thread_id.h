#pragma once

#include <string>

namespace pyleak::attach {

/// One thread of the target, both numbers as pyleak's own pid namespace has them.
struct ThreadId {
  int pid = 0;
  int tid = 0;

  /// "/proc/PID/task/TID/<file>", proc(5).
  [[nodiscard]] std::string ProcPath(const char* file) const {
    return "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/" + file;
  }
  bool operator==(const ThreadId&) const = default;
};

}  // namespace pyleak::attach
