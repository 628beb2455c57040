#include "attach/proc/living_thread.h"

#include <cstddef>

#include "attach/proc/stat.h"
#include "attach/proc/thread_list.h"

namespace pyleak::attach {
namespace {

/// As many may be about to end at the same time.
constexpr std::size_t kMostThreads = 4096;

bool Lives(const Result<Stat>& stat) { return stat.ok() && stat->state != 'Z' && stat->state != 'X'; }

}  // namespace

int LivingThread(int pid) {
  if (Lives(ReadStat(pid))) return pid;
  for (const int tid : ListThreads(pid, kMostThreads)) {
    if (Lives(ReadStat(pid, tid))) return tid;
  }
  return pid;
}

std::string SharedProcPath(int pid, std::string_view file) {
  return "/proc/" + std::to_string(LivingThread(pid)) + "/" + std::string(file);
}

}  // namespace pyleak::attach
