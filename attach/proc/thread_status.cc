#include "attach/proc/thread_status.h"

#include <algorithm>
#include <charconv>
#include <csignal>

#include "attach/base/file.h"

namespace pyleak::attach {
namespace {

/// The text behind "<name>:" and white space on a line of its own; empty where there is no such line.
std::string_view FieldOf(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') continue;
    const std::size_t value = line.find_first_not_of(" \t", name.size() + 1);
    return value == std::string_view::npos ? std::string_view() : line.substr(value);
  }
  return {};
}

template <typename T>
T NumberOf(std::string_view text, std::string_view name, int base) {
  const std::string_view field = FieldOf(text, name);
  T value = 0;
  std::from_chars(field.data(), field.data() + field.size(), value, base);
  return value;
}

Result<ThreadStatus> ReadStatusFile(const std::string& path) {
  auto text = ReadTextFile(path);
  if (!text) return Error{ErrorCode::kNoSuchProcess, "the thread has ended"};
  return ParseThreadStatus(*text);
}

constexpr std::uint64_t Bit(int signal) { return std::uint64_t{1} << (signal - 1); }

}  // namespace

std::uint64_t ThreadStatus::handled_signals() const { return pending_signals & ~blocked_signals & caught_signals; }

std::uint64_t ThreadStatus::stopping_signals() const {
  constexpr std::uint64_t kStopping = Bit(SIGSTOP) | Bit(SIGTSTP) | Bit(SIGTTIN) | Bit(SIGTTOU);
  return pending_signals & ~blocked_signals & ~caught_signals & kStopping;
}

ThreadStatus ParseThreadStatus(std::string_view text) {
  ThreadStatus status;
  const std::string_view numbers = FieldOf(text, "NSpid");
  const std::string_view last = numbers.substr(numbers.find_last_of(" \t") + 1);
  std::from_chars(last.data(), last.data() + last.size(), status.namespace_tid);
  status.process_id = NumberOf<int>(text, "Tgid", 10);
  status.tracer_pid = NumberOf<int>(text, "TracerPid", 10);
  status.user_id = NumberOf<std::uint32_t>(text, "Uid", 10);
  status.group_id = NumberOf<std::uint32_t>(text, "Gid", 10);
  status.permitted_capabilities = NumberOf<std::uint64_t>(text, "CapPrm", 16);
  status.effective_capabilities = NumberOf<std::uint64_t>(text, "CapEff", 16);
  status.seccomp = NumberOf<int>(text, "Seccomp", 10);
  status.shadow_stack = FieldOf(text, "x86_Thread_features").find("shstk") != std::string_view::npos;
  status.pending_signals = NumberOf<std::uint64_t>(text, "SigPnd", 16) | NumberOf<std::uint64_t>(text, "ShdPnd", 16);
  status.blocked_signals = NumberOf<std::uint64_t>(text, "SigBlk", 16);
  status.caught_signals = NumberOf<std::uint64_t>(text, "SigCgt", 16);
  status.voluntary_switches = NumberOf<std::uint64_t>(text, "voluntary_ctxt_switches", 10);
  return status;
}

Result<ThreadStatus> ReadThreadStatus(ThreadId thread) { return ReadStatusFile(thread.ProcPath("status")); }

Result<ThreadStatus> ReadThreadStatus(int tid) { return ReadStatusFile("/proc/" + std::to_string(tid) + "/status"); }

}  // namespace pyleak::attach
