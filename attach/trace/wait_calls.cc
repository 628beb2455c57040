#include "attach/trace/wait_calls.h"

#include <sys/syscall.h>

#include "attach/trace/system_call_names.h"

namespace pyleak::attach {

bool IsEpollWait(std::int64_t system_call) {
  return system_call == SYS_epoll_wait || system_call == SYS_epoll_pwait || system_call == SYS_epoll_pwait2;
}

bool IsPollOrSelect(std::int64_t system_call) {
  return system_call == SYS_poll || system_call == SYS_ppoll || system_call == SYS_select ||
         system_call == SYS_pselect6;
}

std::string WaitCallName(std::int64_t system_call) {
  return system_call == SYS_pselect6 ? "select" : SystemCallName(system_call);
}

bool IsSleep(const ThreadActivity& activity) {
  if (activity.running) return false;
  switch (activity.system_call) {
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
      return true;
    case SYS_select:
    case SYS_pselect6:
      return activity.arguments[0] == 0;
    case SYS_poll:
    case SYS_ppoll:
      return activity.arguments[1] == 0;
    default:
      return false;
  }
}

bool IsWaiting(const ThreadActivity& activity) {
  if (activity.running || IsSleep(activity)) return false;
  return IsEpollWait(activity.system_call) || IsPollOrSelect(activity.system_call);
}

}  // namespace pyleak::attach
