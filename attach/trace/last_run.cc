#include "attach/trace/last_run.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "attach/base/file.h"
#include "attach/proc/stat.h"

namespace pyleak::attach {
namespace {

using std::chrono::nanoseconds;

std::optional<nanoseconds> ReadExecutionStart(const std::string& path) {
  const auto text = ReadTextFile(path);
  return text.ok() ? ParseExecutionStart(*text) : std::nullopt;
}

/// The calling thread on one CPU, as long as this lives.
class Visit {
 public:
  explicit Visit(int cpu) {
    cpu_set_t there;
    CPU_ZERO(&there);
    CPU_SET(static_cast<std::size_t>(cpu), &there);
    arrived_ = cpu >= 0 && cpu < CPU_SETSIZE && ::sched_getaffinity(0, sizeof(home_), &home_) == 0 &&
               ::sched_setaffinity(0, sizeof(there), &there) == 0;
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  ~Visit() {
    if (arrived_) ::sched_setaffinity(0, sizeof(home_), &home_);
  }
  [[nodiscard]] bool arrived() const { return arrived_; }

 private:
  cpu_set_t home_{};
  bool arrived_ = false;
};

}  // namespace

std::optional<nanoseconds> ParseExecutionStart(std::string_view sched) {
  constexpr std::string_view kName = "se.exec_start";
  const std::size_t line = sched.find(kName);
  if (line == std::string_view::npos) return std::nullopt;
  sched.remove_prefix(line + kName.size());
  sched.remove_prefix(std::min(sched.find_first_of("0123456789\n"), sched.size()));
  // Milliseconds, and six digits behind the point (kernel/sched/debug.c, SPLIT_NS).
  std::int64_t milliseconds = 0;
  std::int64_t fraction = 0;
  const auto [point, error] = std::from_chars(sched.data(), sched.data() + sched.size(), milliseconds);
  if (error != std::errc() || point == sched.data() + sched.size() || *point != '.') return std::nullopt;
  const auto [end, fraction_error] = std::from_chars(point + 1, sched.data() + sched.size(), fraction);
  if (fraction_error != std::errc() || end - point != 7) return std::nullopt;
  return std::chrono::milliseconds(milliseconds) + nanoseconds(fraction);
}

std::optional<nanoseconds> TimeSinceLastRun(ThreadId thread) {
  const std::string path = thread.ProcPath("sched");
  const auto before = ReadExecutionStart(path);
  const auto stat = ReadStat(thread.pid, thread.tid);
  if (!before || !stat.ok()) return std::nullopt;
  const Visit visit(stat->processor);
  // Brings our own up to date, which is otherwise as old as the last tick.
  ::sched_yield();
  const auto now = visit.arrived() ? ReadExecutionStart("/proc/thread-self/sched") : std::nullopt;
  const auto after = ReadExecutionStart(path);
  if (!now || !after) return std::nullopt;
  // It has run meanwhile, and sleeps for a moment only, if at all.
  if (before != after) return nanoseconds(0);
  return std::max(*now - *before, nanoseconds(0));
}

}  // namespace pyleak::attach
