#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "attach/base/result.h"

namespace pyleak::attach {

/// What pyleak wants of /proc/PID/stat (proc(5)).
struct Stat {
  std::string name;  ///< comm: at most 15 bytes of whatever the process chose, control characters included.
  char state = '?';  ///< R, S, D, T, t, Z, X, I
  int parent_pid = 0;
  std::uint32_t flags = 0;  ///< PF_*: include/linux/sched.h
  std::uint64_t user_ticks = 0;
  std::uint64_t system_ticks = 0;
  std::uint64_t start_ticks = 0;
  /// Where the stack of the program began; another after an exec. 0 for who may not trace the process.
  std::uint64_t stack_start = 0;
  int processor = -1;  ///< The CPU that it ran on last.
  /// Of a zombie: how it ended, as waitpid(2) says it; 0 for who may not trace it. None before Linux 3.5.
  std::optional<int> wait_status;

  /// PF_EXITING, include/linux/sched.h. Its memory may have gone already, while its pidfd says that it runs.
  [[nodiscard]] bool is_exiting() const { return (flags & 0x4U) != 0; }
  /// PF_KTHREAD, include/linux/sched.h.
  [[nodiscard]] bool is_kernel_thread() const { return (flags & 0x00200000U) != 0; }
};

std::optional<Stat> ParseStat(std::string_view text);
Result<Stat> ReadStat(int pid);
Result<Stat> ReadStat(int pid, int tid);

}  // namespace pyleak::attach
