#include "attach/proc/process_list.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>

namespace pyleak::attach {
namespace {

namespace fs = std::filesystem;

bool HasEpollInstance(int pid) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error)) {
    std::error_code ignored;
    if (fs::read_symlink(entry.path(), ignored) == "anon_inode:[eventpoll]") return true;
  }
  return false;
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

std::vector<int> ProcessesWithEpoll() {
  std::vector<int> pids = ListProcesses();
  std::erase_if(pids, [](int pid) { return pid == ::getpid() || !HasEpollInstance(pid); });
  std::ranges::sort(pids);
  return pids;
}

}  // namespace pyleak::attach
