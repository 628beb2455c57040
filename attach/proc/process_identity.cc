#include "attach/proc/process_identity.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "attach/base/file.h"
#include "attach/proc/stat.h"

namespace pyleak::attach {
namespace {

/// A pidfd becomes readable when its process ends (pidfd_open(2)).
bool HasEnded(const UniqueFd& pidfd) {
  pollfd ended{pidfd.get(), POLLIN, 0};
  return ::poll(&ended, 1, 0) != 0;
}

}  // namespace

namespace {

/// False in a pid namespace that was entered without mounting its /proc: numbers mean other processes there.
bool ProcIsOfOurNamespace() {
  static const bool same = [] {
    const auto self = ReadLink("/proc/self");
    return self.ok() && *self == std::to_string(::getpid());
  }();
  return same;
}

}  // namespace

Result<ProcessIdentity> ProcessIdentity::Open(int pid) {
  if (!ProcIsOfOurNamespace()) {
    return Error{ErrorCode::kSystem,
                 "/proc is of another pid namespace than pyleak, or is not mounted (mount -t proc proc /proc)"};
  }
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    // EINVAL: the number is a thread's and not a process's, or no pid at all (pidfd_open(2)).
    if (errno == EINVAL || errno == ESRCH) {
      return Error{ErrorCode::kNoSuchProcess, "no process has the pid " + std::to_string(pid)};
    }
    return ErrnoError("pidfd_open");
  }
  auto stat = ReadStat(pid);
  if (!stat && !HasEnded(pidfd)) {
    return Error{ErrorCode::kNotPermitted, "/proc hides process " + std::to_string(pid) + " from this user (hidepid)"};
  }
  if (!stat) return std::move(stat).error();
  ProcessIdentity process(pid, stat->start_ticks, std::move(pidfd));
  const bool zombie = stat->state == 'Z' || stat->state == 'X';
  // It has ended between the two, and the number may be another's by now.
  if (!zombie && !process.StillRuns()) return Error{ErrorCode::kNoSuchProcess, "the process has ended"};
  return process;
}

bool ProcessIdentity::StillRuns() const { return !HasEnded(*pidfd_); }

}  // namespace pyleak::attach
