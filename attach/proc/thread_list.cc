#include "attach/proc/thread_list.h"

#include <dirent.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace pyleak::attach {

std::vector<int> ListThreads(int pid, std::size_t limit) {
  std::vector<int> threads;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(("/proc/" + std::to_string(pid) + "/task").c_str()),
                                                      ::closedir);
  if (!directory) return threads;
  while (const dirent* entry = ::readdir(directory.get())) {
    const int tid = std::atoi(entry->d_name);  // 0 for "." and ".."
    if (tid > 0 && threads.size() < limit) threads.push_back(tid);
  }
  return threads;
}

}  // namespace pyleak::attach
