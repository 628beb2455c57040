#include "attach/trace/thread_look.h"

#include <sys/syscall.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "attach/base/file.h"

namespace pyleak::attach {
namespace {

/// Both files end well before this; a thread's name has at most 64 bytes.
constexpr std::size_t kFileBytes = 1024;

std::string_view ReadFromStart(const UniqueFd& file, std::array<char, kFileBytes>& buffer) {
  const ssize_t count = ::pread(file.get(), buffer.data(), buffer.size(), 0);
  return {buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
}

std::string_view TakeWord(std::string_view& text) {
  const std::size_t length = std::min(text.find_first_of(" \n"), text.size());
  const std::string_view word = text.substr(0, length);
  text.remove_prefix(std::min(length + 1, text.size()));
  return word;
}

/// "0x7f00"
bool TakeHexadecimal(std::string_view& text, std::uint64_t& value) {
  std::string_view word = TakeWord(text);
  if (!word.starts_with("0x")) return false;
  word.remove_prefix(2);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, 16);
  return error == std::errc() && end == word.data() + word.size();
}

}  // namespace

std::optional<ThreadActivity> ParseThreadActivity(std::string_view text) {
  ThreadActivity activity;
  const std::string_view first = TakeWord(text);
  if (first == "running") {
    activity.running = true;
    return activity;
  }
  const auto [end, error] = std::from_chars(first.data(), first.data() + first.size(), activity.system_call);
  if (error != std::errc() || end != first.data() + first.size()) return std::nullopt;
  if (activity.system_call >= 0) {
    for (std::uint64_t& argument : activity.arguments) {
      if (!TakeHexadecimal(text, argument)) return std::nullopt;
    }
  }
  std::uint64_t stack_pointer = 0;
  std::uint64_t program_counter = 0;
  if (!TakeHexadecimal(text, stack_pointer) || !TakeHexadecimal(text, program_counter)) return std::nullopt;
  activity.stack_pointer = RemoteAddress(stack_pointer);
  activity.program_counter = RemoteAddress(program_counter);
  return activity;
}

Result<ThreadLook> ThreadLook::Open(ThreadId thread) {
  auto system_call = OpenFile(thread.ProcPath("syscall"), O_RDONLY);
  if (!system_call) return std::move(system_call).error();
  auto stat = OpenFile(thread.ProcPath("stat"), O_RDONLY);
  if (!stat) return std::move(stat).error();
  // The kernel checks at each read and not here: let the first one say whether we may.
  char first = 0;
  if (::pread(system_call->get(), &first, 1, 0) < 0) return ErrnoError("looking at a thread");
  return ThreadLook(thread, *std::move(system_call), *std::move(stat));
}

std::optional<ThreadActivity> ThreadLook::Look() {
  std::array<char, kFileBytes> buffer;
  auto activity = ParseThreadActivity(ReadFromStart(system_call_, buffer));
  if (activity) activity = Remember(*activity);
  // Neither in user mode nor in a system call, and without a stack: a first thread that has ended before the others.
  const bool over = activity && !activity->running && activity->stack_pointer.is_null();
  return over ? std::nullopt : activity;
}

ThreadActivity ThreadLook::Remember(ThreadActivity activity) {
  const bool same_place =
      activity.stack_pointer == latest_.stack_pointer && activity.program_counter == latest_.program_counter;
  if (activity.system_call == SYS_restart_syscall && same_place) activity.system_call = latest_.system_call;
  if (!activity.running) latest_ = activity;  // on its way back into the call it may be met running
  return activity;
}

char ThreadLook::State() const {
  std::array<char, kFileBytes> buffer;
  const std::string_view text = ReadFromStart(stat_, buffer);
  // "tid (name) S ...": the name may hold parentheses itself.
  const std::size_t close = text.rfind(") ");
  return close == std::string_view::npos || close + 2 >= text.size() ? 'X' : text[close + 2];
}

std::optional<Stat> ThreadLook::ReadStat() const {
  std::array<char, kFileBytes> buffer;
  return ParseStat(ReadFromStart(stat_, buffer));
}

}  // namespace pyleak::attach
