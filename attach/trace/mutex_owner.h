#pragma once

#include <optional>

#include "attach/memory/memory_reader.h"
#include "attach/trace/thread_look.h"

namespace pyleak::attach {

/// The thread that has the mutex for which another one sleeps, as the target itself calls it (gettid), if what that one
/// sleeps on may be a glibc pthread_mutex_t that is locked and waited for. Other things can look like one: only the
/// sleeper's stack tells for certain. musl's mutexes do not look like one.
std::optional<int> MutexOwner(const ThreadActivity& sleeper, const MemoryReader& memory);

}  // namespace pyleak::attach
