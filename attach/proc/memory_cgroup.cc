#include "attach/proc/memory_cgroup.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "attach/base/file.h"

namespace pyleak::attach {
namespace {

/// How deep cgroups are nested in anything that is known.
constexpr int kMostLevels = 64;

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (std::size_t end = text.find(at); end != std::string_view::npos; end = text.find(at)) {
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  if (!text.empty()) parts.push_back(text);
  return parts;
}

bool Lists(std::string_view options, std::string_view option) {
  const auto parts = Split(options, ',');
  return std::ranges::find(parts, option) != parts.end();
}

/// "max", a number that is none, and a file that is not there are no number.
std::optional<std::uint64_t> ReadNumber(const std::string& path) {
  const auto text = ReadTextFile(path);
  std::uint64_t number = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), number).ec != std::errc())
    return std::nullopt;
  return number;
}

/// Pages of files, which are dropped before anything is ended; those of tmpfs are not among them.
std::uint64_t ReadReclaimable(const std::string& folder, bool unified) {
  const auto text = ReadTextFile(folder + "/memory.stat");
  if (!text) return 0;
  std::uint64_t sum = 0;
  for (const std::string_view line : Split(*text, '\n')) {
    const auto words = Split(line, ' ');
    const std::string_view prefix = unified ? "" : "total_";
    if (words.size() != 2 || !words[0].starts_with(prefix)) continue;
    const std::string_view name = words[0].substr(prefix.size());
    std::uint64_t bytes = 0;
    if (name != "inactive_file" && name != "active_file") continue;
    if (std::from_chars(words[1].data(), words[1].data() + words[1].size(), bytes).ec == std::errc()) sum += bytes;
  }
  return sum;
}

std::optional<std::uint64_t> ReadHeadroomOf(const std::string& folder, bool unified) {
  const auto limit = ReadNumber(folder + (unified ? "/memory.max" : "/memory.limit_in_bytes"));
  const auto used = ReadNumber(folder + (unified ? "/memory.current" : "/memory.usage_in_bytes"));
  if (!limit || !used) return std::nullopt;
  const std::uint64_t reclaimable = std::min(*used, ReadReclaimable(folder, unified));
  const std::uint64_t needed = *used - reclaimable;
  return *limit > needed ? *limit - needed : 0;
}

}  // namespace

std::optional<MemoryCgroup> FindMemoryCgroup(std::string_view cgroups, std::string_view mounts) {
  MemoryCgroup cgroup;
  bool found = false;
  // "4:memory:/path" of a hierarchy of its own goes before "0::/path" of the unified one.
  for (const std::string_view line : Split(cgroups, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    if (!Lists(controllers, "memory") && (found || !controllers.empty())) continue;
    found = true;
    cgroup.unified = controllers.empty();
    cgroup.path = line.substr(second + 1);
  }
  if (!found) return std::nullopt;
  for (const std::string_view line : Split(mounts, '\n')) {
    const std::size_t separator = line.find(" - ");
    if (separator == std::string_view::npos) continue;
    const auto where = Split(line.substr(0, separator), ' ');
    const auto what = Split(line.substr(separator + 3), ' ');
    if (where.size() < 5 || what.size() < 3) continue;
    if (cgroup.unified ? what[0] != "cgroup2" : what[0] != "cgroup" || !Lists(what[2], "memory")) continue;
    const std::string_view root = where[3] == "/" ? "" : where[3];
    if (!cgroup.path.starts_with(root)) continue;
    cgroup.path.erase(0, root.size());
    if (cgroup.path == "/") cgroup.path.clear();
    cgroup.mount_point = where[4];
    return cgroup;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ReadMemoryHeadroom(int pid) {
  const auto cgroups = ReadTextFile("/proc/" + std::to_string(pid) + "/cgroup");
  const auto mounts = ReadTextFile("/proc/self/mountinfo");
  auto cgroup = cgroups.ok() && mounts.ok() ? FindMemoryCgroup(*cgroups, *mounts) : std::nullopt;
  if (!cgroup) return std::nullopt;
  std::optional<std::uint64_t> least;
  for (int level = 0; level < kMostLevels; ++level) {
    const auto headroom = ReadHeadroomOf(cgroup->mount_point + cgroup->path, cgroup->unified);
    if (headroom) least = std::min(least.value_or(*headroom), *headroom);
    if (cgroup->path.empty()) break;
    cgroup->path.resize(std::min(cgroup->path.rfind('/'), cgroup->path.size() - 1));
  }
  return least;
}

}  // namespace pyleak::attach
