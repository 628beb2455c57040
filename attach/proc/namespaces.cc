#include "attach/proc/namespaces.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>

#include "attach/base/file.h"
#include "attach/proc/living_thread.h"
#include "attach/proc/thread_list.h"
#include "attach/proc/thread_status.h"

namespace pyleak::attach {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kMostThreads = 32768;

bool IsSame(const std::string& path, const std::string& other) {
  const auto a = ReadLink(path);
  const auto b = ReadLink(other);
  return a.ok() && b.ok() && *a == *b;
}

nanoseconds OffsetInFile(const std::string& path) {
  const auto text = ReadTextFile(path);
  return text.ok() ? ParseMonotonicOffset(*text).value_or(nanoseconds(0)) : nanoseconds(0);
}

/// The file speaks of the namespace that the children of the process will live in. That is its own too, but for who has
/// called unshare(2) and has begun no other program since.
nanoseconds ClockOffset(int pid) {
  const std::string own = SharedProcPath(pid, "ns/time");
  if (IsSame(own, "/proc/self/ns/time") || !IsSame(own, SharedProcPath(pid, "ns/time_for_children")))
    return nanoseconds(0);
  return OffsetInFile("/proc/self/timens_offsets") - OffsetInFile(SharedProcPath(pid, "timens_offsets"));
}

}  // namespace

std::optional<nanoseconds> ParseMonotonicOffset(std::string_view text) {
  constexpr std::string_view kName = "monotonic";
  if (!text.starts_with(kName)) return std::nullopt;
  text.remove_prefix(kName.size());
  const char* const end = text.data() + std::min(text.find('\n'), text.size());
  const char* at = text.data();
  std::array<std::int64_t, 2> numbers{};  // seconds and nanoseconds
  for (std::int64_t& number : numbers) {
    at = std::find_if(at, end, [](char character) { return character != ' '; });
    const auto [behind, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return std::nullopt;
    at = behind;
  }
  return std::chrono::seconds(numbers[0]) + nanoseconds(numbers[1]);
}

Namespaces Namespaces::Of(const ProcessIdentity& process) {
  Namespaces namespaces(process.pid());
  namespaces.same_numbers_ = IsSame(SharedProcPath(process.pid(), "ns/pid"), "/proc/self/ns/pid");
  namespaces.own_pid_ = namespaces.OwnNumber(process.pid());
  namespaces.clock_offset_ = ClockOffset(process.pid());
  return namespaces;
}

std::optional<int> Namespaces::FindThread(int own_tid) const {
  if (same_numbers_) return own_tid;
  if (own_tid == own_pid_) return pid_;
  for (const int tid : ListThreads(pid_, kMostThreads)) {
    if (OwnNumber(tid) == own_tid) return tid;
  }
  return std::nullopt;
}

int Namespaces::OwnNumber(int tid) const {
  if (same_numbers_) return tid;
  const auto status = ReadThreadStatus(ThreadId{pid_, tid});
  return status.ok() ? status->namespace_tid : 0;
}

}  // namespace pyleak::attach
