#include "attach/trace/thread_meter.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "attach/base/file.h"

namespace pyleak::attach {

std::optional<ThreadAccount> ParseSchedstat(std::string_view text) {
  std::array<std::int64_t, 3> numbers{};
  for (std::int64_t& number : numbers) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool ends = end != text.data() + text.size() && *end == (&number == &numbers.back() ? '\n' : ' ');
    if (error != std::errc() || number < 0 || !ends) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end + 1 - text.data()));
  }
  return ThreadAccount{std::chrono::nanoseconds(numbers[0]), std::chrono::nanoseconds(numbers[1]), numbers[2]};
}

Result<ThreadMeter> ThreadMeter::Open(ThreadId thread) {
  auto schedstat = OpenFile(thread.ProcPath("schedstat"), O_RDONLY);
  if (!schedstat) return std::move(schedstat).error();
  return ThreadMeter(*std::move(schedstat));
}

std::optional<ThreadAccount> ThreadMeter::Read() {
  std::array<char, 128> text;  // three numbers of 20 digits at most
  const ssize_t count = ::pread(schedstat_.get(), text.data(), text.size(), 0);
  if (count <= 0) return std::nullopt;
  const auto account = ParseSchedstat({text.data(), static_cast<std::size_t>(count)});
  if (!account || account->cpu < latest_.cpu || account->runqueue < latest_.runqueue) {
    schedstat_.Reset();
    return std::nullopt;
  }
  latest_ = *account;
  return account;
}

}  // namespace pyleak::attach
