#pragma once

#include <cstdint>
#include <string>

#include "attach/trace/thread_look.h"

namespace pyleak::attach {

/// epoll_wait and its like.
bool IsEpollWait(std::int64_t system_call);
/// poll and select and their like.
bool IsPollOrSelect(std::int64_t system_call);
/// As programs name the wait: "select" for pselect6, which glibc makes of both select and pselect.
std::string WaitCallName(std::int64_t system_call);
/// nanosleep and its like, and poll and select of no descriptor, which is how Python slept before 3.11.
bool IsSleep(const ThreadActivity& activity);
/// The thread sleeps until one of some descriptors is ready.
bool IsWaiting(const ThreadActivity& activity);

}  // namespace pyleak::attach
