#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "attach/base/remote_address.h"
#include "attach/base/result.h"
#include "attach/base/unique_fd.h"
#include "attach/proc/stat.h"
#include "attach/proc/thread_id.h"

namespace pyleak::attach {

/// What a thread is doing, as /proc/PID/task/TID/syscall tells without stopping it.
struct ThreadActivity {
  bool running = false;  ///< On a CPU or wanting one; nothing else is known then.
  /// -1: blocked, but not in a system call (a page fault, a signal stop).
  std::int64_t system_call = -1;
  std::array<std::uint64_t, 6> arguments{};
  RemoteAddress stack_pointer;
  RemoteAddress program_counter;

  bool operator==(const ThreadActivity&) const = default;
};

/// std::nullopt: not as proc(5) describes the file.
std::optional<ThreadActivity> ParseThreadActivity(std::string_view text);

/// A thread that can be looked at again and again for a microsecond each, because the files are kept open.
class ThreadLook {
 public:
  /// kNotPermitted: the kernel lets us look only at what we may also trace.
  static Result<ThreadLook> Open(ThreadId thread);

  [[nodiscard]] ThreadId thread() const { return thread_; }

  /// std::nullopt: the thread has ended.
  [[nodiscard]] std::optional<ThreadActivity> Look();
  /// To be told what a stop has shown of the thread: a stop sends poll, nanosleep and the like on under another number
  /// (restart_syscall(2)), which is recognised by what came before. The same with the call's own number.
  ThreadActivity Remember(ThreadActivity activity);
  /// R, S, D, T, t, Z, X as in proc(5); X also when the thread has ended.
  [[nodiscard]] char State() const;
  /// All that proc(5) says of it; std::nullopt: the thread has ended.
  [[nodiscard]] std::optional<Stat> ReadStat() const;

 private:
  ThreadLook(ThreadId thread, UniqueFd system_call, UniqueFd stat)
      : thread_(thread), system_call_(std::move(system_call)), stat_(std::move(stat)) {}

  ThreadId thread_;
  UniqueFd system_call_;
  UniqueFd stat_;
  ThreadActivity latest_;  ///< The last one that was not running.
};

}  // namespace pyleak::attach
