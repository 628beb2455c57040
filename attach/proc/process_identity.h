#pragma once

#include <cstdint>
#include <memory>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"

namespace pyleak::attach {

/// One process and no other. A pid is given out again after its process has ended; pid, start time and a pidfd
/// together are not. Cheap to copy: copies share the pidfd.
class ProcessIdentity {
 public:
  /// kNoSuchProcess when there is none, kNotPermitted when /proc does not show it. A zombie still has an identity.
  static Result<ProcessIdentity> Open(int pid);

  /// In pyleak's own pid namespace.
  [[nodiscard]] int pid() const { return pid_; }
  /// Clock ticks after boot; field 22 of /proc/PID/stat (proc(5)).
  [[nodiscard]] std::uint64_t start_ticks() const { return start_ticks_; }
  /// Readable once the process has ended. Owned by this object.
  [[nodiscard]] int pidfd() const { return pidfd_->get(); }

  /// False once it has ended, also while it is a zombie. Compares no number: the pidfd knows.
  [[nodiscard]] bool StillRuns() const;

 private:
  ProcessIdentity(int pid, std::uint64_t start_ticks, UniqueFd pidfd)
      : pid_(pid), start_ticks_(start_ticks), pidfd_(std::make_shared<UniqueFd>(std::move(pidfd))) {}

  int pid_;
  std::uint64_t start_ticks_;
  std::shared_ptr<UniqueFd> pidfd_;
};

}  // namespace pyleak::attach
