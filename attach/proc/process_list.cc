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

std::vector<int> ProcessesWithEpoll() {
  std::vector<int> pids;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    int pid = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad != std::errc() || end != name.data() + name.size() || pid == ::getpid()) continue;
    if (HasEpollInstance(pid)) pids.push_back(pid);
  }
  std::ranges::sort(pids);
  return pids;
}

}  // namespace pyleak::attach
