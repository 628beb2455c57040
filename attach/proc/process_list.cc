#include "attach/proc/process_list.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>

#include "attach/proc/living_thread.h"
#include "attach/proc/stat.h"

namespace pyleak::attach {
namespace {

namespace fs = std::filesystem;

enum class Epoll { kNone, kOpen, kClosedToUs };

Epoll LookForEpoll(int pid) {
  std::error_code error;
  fs::directory_iterator entry(SharedProcPath(pid, "fd"), error);
  if (error == std::errc::permission_denied) return Epoll::kClosedToUs;
  for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
    std::error_code closed;
    if (fs::read_symlink(entry->path(), closed) == "anon_inode:[eventpoll]") return Epoll::kOpen;
  }
  return Epoll::kNone;
}

bool IsProgram(int pid) {
  const auto stat = ReadStat(pid, LivingThread(pid));
  return stat.ok() && !stat->is_kernel_thread() && stat->state != 'Z';
}

}  // namespace

std::vector<int> ListProcesses() {
  std::vector<int> pids;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    int pid = 0;
    const auto [rest, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad == std::errc() && rest == name.data() + name.size()) pids.push_back(pid);
  }
  return pids;
}

EpollProcesses FindEpollProcesses() {
  EpollProcesses found;
  for (const int pid : ListProcesses()) {
    if (pid == ::getpid()) continue;
    const Epoll epoll = LookForEpoll(pid);
    if (epoll == Epoll::kOpen) found.pids.push_back(pid);
    if (epoll == Epoll::kClosedToUs && IsProgram(pid)) ++found.closed;
  }
  std::ranges::sort(found.pids);
  return found;
}

}  // namespace pyleak::attach
