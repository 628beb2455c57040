#include "attach/trace/mutex_owner.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#include <array>

namespace pyleak::attach {
namespace {

/// How __pthread_mutex_s begins (bits/struct_mutex.h): __lock, which is what waiters sleep on, __count, __owner.
using MutexWords = std::array<std::uint32_t, 3>;

/// __lock of an ordinary mutex that is waited for (lowlevellock.h of glibc).
constexpr std::uint32_t kLockedWithWaiters = 2;

bool IsWait(const ThreadActivity& sleeper) {
  if (sleeper.running || sleeper.system_call != SYS_futex) return false;
  switch (sleeper.arguments[1] & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<int> MutexOwner(const ThreadActivity& sleeper, const MemoryReader& memory) {
  if (!IsWait(sleeper)) return std::nullopt;
  const auto words = memory.ReadValue<MutexWords>(RemoteAddress(sleeper.arguments[0]));
  if (!words) return std::nullopt;
  const auto [lock, count, owner] = *words;
  // Robust and priority-inheriting ones hold their owner's number also there (futex(2)).
  if (lock != kLockedWithWaiters && lock != (owner | FUTEX_WAITERS)) return std::nullopt;
  if (owner == 0 || owner > FUTEX_TID_MASK) return std::nullopt;
  return static_cast<int>(owner);
}

}  // namespace pyleak::attach
