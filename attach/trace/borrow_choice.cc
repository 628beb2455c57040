#include "attach/trace/borrow_choice.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#include "attach/trace/arch/signal_frame.h"

namespace pyleak::attach {
namespace {

/// int timeout: the upper half of the register means nothing.
bool IsForEver(std::uint64_t timeout_ms) { return static_cast<std::int32_t>(timeout_ms) < 0; }

bool WaitsWithoutTimeout(const ThreadActivity& futex) {
  const int operation = static_cast<int>(futex.arguments[1]) & FUTEX_CMD_MASK;
  return (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET) && futex.arguments[3] == 0;
}

}  // namespace

std::optional<BorrowRank> RankForBorrowing(const ThreadActivity& activity, char state) {
  if (state == 'T') return BorrowRank::kStopped;
  if (activity.running && state == 'R') return BorrowRank::kRunning;
  if (activity.running || state != 'S') return std::nullopt;
  switch (activity.system_call) {
    case SYS_futex:
      if (!WaitsWithoutTimeout(activity)) return std::nullopt;
      return BorrowRank::kRestartsByItself;
    // With a timeout on the socket some of these do not, and are not stopped at all (stop_safety.h).
    case SYS_read:
    case SYS_readv:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_accept:
    case SYS_accept4:
    case SYS_wait4:
    case SYS_waitid:
    case SYS_flock:
      return BorrowRank::kRestartsByItself;
    case SYS_clock_nanosleep:
      if ((activity.arguments[1] & TIMER_ABSTIME) == 0) return std::nullopt;
      return BorrowRank::kRestartsByItself;
    // These store what remains of their timeout before they are begun again.
    case SYS_select:
    case SYS_pselect6:
    case SYS_ppoll:
    case SYS_pause:
    case SYS_rt_sigsuspend:
      return BorrowRank::kRestartsByItself;
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
      return IsForEver(activity.arguments[3]) ? BorrowRank::kWaitsForEver : BorrowRank::kWaitsForATime;
    case SYS_epoll_pwait2:
      return activity.arguments[3] == 0 ? BorrowRank::kWaitsForEver : BorrowRank::kWaitsForATime;
    case SYS_poll:
      return IsForEver(activity.arguments[2]) ? BorrowRank::kWaitsForEver : BorrowRank::kWaitsForATime;
    default:
      return std::nullopt;
  }
}

bool HasRoomOnStack(const Registers& registers, bool is_main_thread, const MemoryMap& map) {
  const Mapping* stack = map.Find(registers.stack_pointer());
  if (stack == nullptr || !stack->writable || stack->shared || stack->inode != 0) return false;
  if (is_main_thread ? stack->path != "[stack]" : !stack->range.Contains(registers.thread_pointer)) return false;
  return registers.stack_pointer() - stack->range.begin >= arch::kSignalFrameReach;
}

}  // namespace pyleak::attach
