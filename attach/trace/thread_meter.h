#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"
#include "attach/proc/thread_id.h"

namespace pyleak::attach {

/// How a thread has spent its life so far, as the scheduler counts it.
struct ThreadAccount {
  /// On a CPU. Of a thread that runs at this moment it is up to one tick of the kernel's clock (1 to 10 ms) behind.
  std::chrono::nanoseconds cpu{};
  /// Runnable, but not on a CPU. Such a time is added when it is over.
  std::chrono::nanoseconds runqueue{};
  std::int64_t runs = 0;  ///< How often it has been given a CPU.

  bool operator==(const ThreadAccount&) const = default;
};

/// The text of /proc/PID/task/TID/schedstat (Documentation/scheduler/sched-stats.rst). std::nullopt: it is another one.
std::optional<ThreadAccount> ParseSchedstat(std::string_view text);

/// Reads a thread's account again and again, for a microsecond each and without a stop.
class ThreadMeter {
 public:
  /// kNotFound or kNoSuchProcess: the kernel was built without CONFIG_SCHED_INFO, or the thread has ended.
  static Result<ThreadMeter> Open(ThreadId thread);

  /// std::nullopt: the thread has ended, or begun another program from another thread, which has its number since and
  /// an account of its own.
  [[nodiscard]] std::optional<ThreadAccount> Read();

 private:
  explicit ThreadMeter(UniqueFd schedstat) : schedstat_(std::move(schedstat)) {}

  UniqueFd schedstat_;
  ThreadAccount latest_;
};

}  // namespace pyleak::attach
