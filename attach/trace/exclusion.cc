#include "attach/trace/exclusion.h"

#include <sys/ptrace.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "attach/base/file.h"
#include "attach/proc/stat.h"
#include "attach/proc/thread_list.h"
#include "attach/trace/stop.h"

namespace pyleak::attach {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Another pyleak that samples the thread, or claims the process, holds it for some milliseconds on a busy machine.
constexpr milliseconds kPatience(2000);
constexpr milliseconds kTryPause(1);

constexpr std::size_t kMostThreads = 32768;

/// All agree which is the first: that of the process, or when that has ended the first in the list.
Result<void> SeizeFirst(int pid) {
  for (const int tid : ListThreads(pid, kMostThreads)) {
    if (::ptrace(PTRACE_SEIZE, tid, nullptr, nullptr) == 0) return {};
    const int error_number = errno;
    const auto stat = ReadStat(pid, tid);
    if (error_number == ESRCH || !stat || stat->state == 'Z' || stat->state == 'X') continue;
    if (auto untraced = CheckUntraced({pid, tid}); !untraced) return untraced;
    return ErrnoError("tracing thread " + std::to_string(tid), error_number);
  }
  return Error{ErrorCode::kNoSuchProcess, "the process has ended"};
}

}  // namespace

Result<void> ExcludingOthers(int pid, const std::function<Result<void>()>& work) {
  Result<void> result;
  // What is not stopped cannot be detached, but is let go when the thread of ours ends that has seized it.
  std::thread([&] {
    const auto end = steady_clock::now() + kPatience;
    while (!(result = SeizeFirst(pid)).ok() && steady_clock::now() < end) std::this_thread::sleep_for(kTryPause);
    if (result.ok()) result = work();
  }).join();
  return result;
}

}  // namespace pyleak::attach
