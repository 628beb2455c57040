#pragma once

#include <optional>
#include <vector>

#include "attach/proc/maps.h"
#include "attach/trace/registers.h"
#include "attach/trace/thread_look.h"

namespace pyleak::attach {

/// How little a thread is disturbed when something else is run in it. Smaller is better.
enum class BorrowRank {
  kRestartsByItself,  ///< In a system call that the kernel begins again, its deadline kept.
  kRunning,
  kWaitsForEver,   ///< In epoll_wait or poll without timeout, which we begin again.
  kWaitsForATime,  ///< In one with a timeout, which we shorten by what has passed.
  kStopped,        ///< With its whole process, by Ctrl-Z or SIGSTOP. It stops again when we are done.
};

/// True where the stop makes a wait fail with EINTR, which we then repair; but not if we die in these microseconds.
constexpr bool InterruptsWait(BorrowRank rank) {
  return rank == BorrowRank::kWaitsForEver || rank == BorrowRank::kWaitsForATime;
}

/// std::nullopt: never this thread as long as it does that. Relative sleeps and futexes with a timeout would lose their
/// deadline; what is not known to be harmless is not tried.
std::optional<BorrowRank> RankForBorrowing(const ThreadActivity& activity, char state);

/// True when a signal frame, and a function called with it, fits below the thread's stack pointer: on the main thread's
/// stack, or in the mapping that also holds the thread's own control block, as glibc and musl lay out the stacks that
/// they allocate. Anything else may be a stack of another kind (a coroutine's, an alternate signal stack) and short.
bool HasRoomOnStack(const Registers& registers, bool is_main_thread, const MemoryMap& map);

}  // namespace pyleak::attach
