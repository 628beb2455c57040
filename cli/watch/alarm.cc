#include "cli/watch/alarm.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <vector>

namespace pyleak::cli {

Result<Alarm> Alarm::Make(std::span<const int> signals) {
  sigset_t taken;
  sigemptyset(&taken);
  for (const int signal : signals) sigaddset(&taken, signal);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &taken, nullptr)) return ErrnoError("pthread_sigmask", error);
  UniqueFd signal_fd(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signal_fd) return ErrnoError("signalfd");
  UniqueFd bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell) return ErrnoError("eventfd");
  // The default slack of 50 us would come on top of every deadline (prctl(2)).
  ::prctl(PR_SET_TIMERSLACK, 1);
  return Alarm(std::move(signal_fd), std::move(bell));
}

void Alarm::Sleep(std::chrono::nanoseconds time, std::span<const int> pidfds) {
  std::vector<pollfd> wakers{{signals_.get(), POLLIN, 0}, {bell_.get(), POLLIN, 0}};
  for (const int pidfd : pidfds) wakers.push_back({pidfd, POLLIN, 0});
  const auto nanoseconds = std::max<std::int64_t>(time.count(), 0);
  const timespec timeout{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  ::ppoll(wakers.data(), wakers.size(), &timeout, nullptr);
  std::uint64_t rings = 0;
  [[maybe_unused]] const ssize_t drained = ::read(bell_.get(), &rings, sizeof rings);
}

std::optional<int> Alarm::TakeSignal() {
  signalfd_siginfo info;
  if (::read(signals_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

void Alarm::Ring() {
  const std::uint64_t once = 1;
  [[maybe_unused]] const ssize_t written = ::write(bell_.get(), &once, sizeof once);
}

}  // namespace pyleak::cli
