#include "cli/launch/signal_relay.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <optional>

namespace pyleak::cli {
namespace {

sigset_t RelayedSignals() {
  sigset_t set;
  ::sigfillset(&set);
  // What pyleak brings upon itself.
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) ::sigdelset(&set, signal);
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGXCPU, SIGCHLD}) ::sigdelset(&set, signal);
  // Job control: pyleak stops and continues together with its program.
  for (const int signal : {SIGTSTP, SIGCONT}) ::sigdelset(&set, signal);
  return set;
}

std::optional<ReceivedSignal> Next(const UniqueFd& signals) {
  signalfd_siginfo info{};
  if (::read(signals.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return ReceivedSignal{static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL, static_cast<int>(info.ssi_pid)};
}

/// The terminal stops a group in the background that reads or writes; this signal has been held back from pyleak,
/// which belongs to the group.
bool StopsTheGroup(const ReceivedSignal& signal) {
  return signal.from_kernel && (signal.number == SIGTTIN || signal.number == SIGTTOU);
}

}  // namespace

bool IsMeantForProgram(const ReceivedSignal& signal, int program_pid, bool session_leader) {
  if (signal.from_kernel) return signal.number == SIGHUP && session_leader;
  return signal.sender_pid != program_pid;
}

Result<SignalRelay> SignalRelay::Open() {
  const sigset_t relayed = RelayedSignals();
  UniqueFd signals(::signalfd(-1, &relayed, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return ErrnoError("signalfd");
  sigset_t inherited;
  ::pthread_sigmask(SIG_BLOCK, &relayed, &inherited);
  return SignalRelay(std::move(signals), inherited);
}

void SignalRelay::PassOn(const ChildProgram& program) const {
  const bool session_leader = ::getsid(0) == ::getpid();
  while (const auto signal = Next(signals_)) {
    if (StopsTheGroup(*signal)) ::raise(SIGSTOP);
    if (IsMeantForProgram(*signal, program.process().pid(), session_leader)) program.Send(signal->number);
  }
}

}  // namespace pyleak::cli
