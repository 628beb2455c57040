#pragma once

#include <vector>

#include "attach/memory/memory_reader.h"
#include "attach/proc/process_identity.h"
#include "attach/trace/thread_look.h"

namespace pyleak::attach {

/// The descriptors that a thread sleeping in poll or select waits for, each once, as its arguments have them; those
/// beyond the first 1024 are left out. Empty for other activities.
std::vector<int> PolledDescriptors(const ThreadActivity& activity, const MemoryReader& memory);

/// True if the target's descriptor is a socket with a peer: what a client waits on for its answer. Changes nothing in
/// the target; false also where the kernel has no pidfd_getfd(2) (before 5.6) or refuses it.
bool IsConnectedSocket(const ProcessIdentity& process, int descriptor);

/// True if the thread sleeps in a wait as a loop does: on an epoll instance, on several descriptors, or on one that is
/// no client's socket.
bool WaitsLikeLoop(const ThreadActivity& activity, const MemoryReader& memory, const ProcessIdentity& process);

}  // namespace pyleak::attach
