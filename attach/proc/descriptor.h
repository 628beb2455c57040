#pragma once

#include <string>
#include <vector>

#include "attach/base/unique_fd.h"
#include "attach/proc/process_identity.h"

namespace pyleak::attach {

/// A descriptor of ours for what the target's stands for. Changes nothing in the target, but holds what it has open
/// until the copy is closed. Empty where the kernel has no pidfd_getfd(2) (before 5.6) or refuses it.
UniqueFd CopyDescriptor(const ProcessIdentity& process, int descriptor);

/// What the target's descriptor stands for: the peer's address of a socket, or its own where it has no peer; else as
/// /proc/PID/fd has it: a path, "pipe:[5]". Empty: there is no such descriptor.
std::string NameDescriptor(const ProcessIdentity& process, int descriptor);

/// False also when it has been closed.
bool IsEpollInstance(int pid, int descriptor);

/// What the target's epoll instance waits for, as far as its first 64 KiB of fdinfo say.
std::vector<int> EpollTargets(int pid, int epoll);

/// The process behind the target's pidfd, in pyleak's own pid namespace; 0: it is none, or the process has ended.
int ProcessOfPidfd(int pid, int descriptor);

}  // namespace pyleak::attach
