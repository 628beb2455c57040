#include "cli/watch/alarm.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace pyleak::cli {

Result<Alarm> Alarm::Make() {
  UniqueFd bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell) return ErrnoError("eventfd");
  return Alarm(std::move(bell));
}

void Alarm::Sleep(std::chrono::nanoseconds time, std::span<const int> descriptors) const {
  // The default slack of 50 us would come on top of every deadline (prctl(2)). It is the calling thread's own.
  ::prctl(PR_SET_TIMERSLACK, 1);
  std::vector<pollfd> wakers{{bell_.get(), POLLIN, 0}};
  for (const int descriptor : descriptors) wakers.push_back({descriptor, POLLIN, 0});
  const auto nanoseconds = std::max<std::int64_t>(time.count(), 0);
  const timespec timeout{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  ::ppoll(wakers.data(), wakers.size(), &timeout, nullptr);
  std::uint64_t rings = 0;
  [[maybe_unused]] const ssize_t drained = ::read(bell_.get(), &rings, sizeof rings);
}

void Alarm::Ring() const {
  const std::uint64_t once = 1;
  [[maybe_unused]] const ssize_t written = ::write(bell_.get(), &once, sizeof once);
}

}  // namespace pyleak::cli
