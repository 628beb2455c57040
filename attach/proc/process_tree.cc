#include "attach/proc/process_tree.h"

#include <unistd.h>

#include <charconv>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "attach/base/file.h"
#include "attach/proc/process_list.h"
#include "attach/proc/stat.h"
#include "attach/proc/thread_list.h"

namespace pyleak::attach {
namespace {

/// More than a process has; a bound for what we read of it.
constexpr std::size_t kMostThreads = 65536;

/// Who is whose child, for kernels without CONFIG_PROC_CHILDREN.
std::unordered_multimap<int, int> ChildrenByParent() {
  std::unordered_multimap<int, int> children;
  for (const int pid : ListProcesses()) {
    if (const auto stat = ReadStat(pid)) children.emplace(stat->parent_pid, pid);
  }
  return children;
}

std::string ChildrenFile(int pid, int tid) {
  return "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/children";
}

/// Each thread has the children that it forked itself.
std::vector<int> ChildrenOf(int pid) {
  std::vector<int> children;
  for (const int tid : ListThreads(pid, kMostThreads)) {
    const auto text = ReadTextFile(ChildrenFile(pid, tid));
    if (!text) continue;
    for (const int child : ParseChildren(*text)) children.push_back(child);
  }
  return children;
}

std::vector<int> ChildrenOf(int pid, const std::unordered_multimap<int, int>& by_parent) {
  std::vector<int> children;
  const auto [first, last] = by_parent.equal_range(pid);
  for (auto entry = first; entry != last; ++entry) children.push_back(entry->second);
  return children;
}

}  // namespace

std::vector<int> ParseChildren(std::string_view text) {
  std::vector<int> children;
  while (!text.empty()) {
    int child = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), child);
    if (error != std::errc()) break;
    children.push_back(child);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.starts_with(' ')) break;
    text.remove_prefix(1);
  }
  return children;
}

std::vector<int> Descendants(int pid) {
  std::optional<std::unordered_multimap<int, int>> by_parent;
  if (::access(ChildrenFile(::getpid(), ::getpid()).c_str(), R_OK) != 0) by_parent = ChildrenByParent();
  std::vector<int> found = {pid};
  std::unordered_set<int> seen = {pid};
  // A pid that is given out again while we look could make a circle: each is followed once.
  for (std::size_t next = 0; next < found.size(); ++next) {
    for (const int child : by_parent ? ChildrenOf(found[next], *by_parent) : ChildrenOf(found[next])) {
      if (seen.insert(child).second) found.push_back(child);
    }
  }
  found.erase(found.begin());
  return found;
}

}  // namespace pyleak::attach
