#include "cli/watch/signal_inbox.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

namespace pyleak::cli {

Result<SignalInbox> SignalInbox::Open(std::span<const int> signals) {
  sigset_t taken;
  sigemptyset(&taken);
  for (const int signal : signals) sigaddset(&taken, signal);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &taken, nullptr)) return ErrnoError("pthread_sigmask", error);
  UniqueFd fd(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return ErrnoError("signalfd");
  return SignalInbox(std::move(fd));
}

std::optional<int> SignalInbox::Take() const {
  signalfd_siginfo info;
  if (::read(signals_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace pyleak::cli
