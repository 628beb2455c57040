#include "attach/trace/stop_safety.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <string>

#include "attach/base/unique_fd.h"
#include "attach/proc/maps.h"

namespace pyleak::attach {
namespace {

/// futex_waitv(2), Linux 5.16, which older headers have not. Its timeout is a point in time.
constexpr std::int64_t kFutexWaitv = 449;
/// Linux 6.12, include/uapi/linux/io_uring.h: the timeout of io_uring_enter(2) is a point in time.
constexpr std::uint64_t kRingTimerIsAbsolute = 1U << 5;

/// A copy of the target's descriptor, for as long as a question takes. Empty before Linux 5.6 and where refused.
UniqueFd CopyDescriptor(int pid, int descriptor) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), descriptor, 0)));
}

template <typename T>
T SocketOption(const UniqueFd& socket, int option, T unknown) {
  T value{};
  socklen_t length = sizeof(value);
  return ::getsockopt(socket.get(), SOL_SOCKET, option, &value, &length) == 0 ? value : unknown;
}

bool HasTimeout(const UniqueFd& socket, int option) {
  const timeval timeout = SocketOption(socket, option, timeval{1, 0});
  return timeout.tv_sec != 0 || timeout.tv_usec != 0;
}

/// In raw mode a terminal may gather bytes, and give up after a time (VMIN and VTIME of termios(3)).
bool IsTerminalWithoutTimeout(const UniqueFd& file) {
  termios mode{};
  if (::tcgetattr(file.get(), &mode) != 0) return false;
  return (mode.c_lflag & ICANON) != 0 || (mode.c_cc[VMIN] == 1 && mode.c_cc[VTIME] == 0);
}

/// Of a call that sleeps for input, a peer or a connection: with a timeout on the socket it fails with EINTR, and
/// begins with its whole timeout again (sock_intr_errno() in include/net/sock.h). A file that is none of those below
/// belongs to a file system or a driver that may do anything.
bool IsSafeOnDescriptor(ThreadId thread, std::uint64_t descriptor, int timeout_option) {
  const int number = static_cast<int>(descriptor);
  struct statx status {};
  // Without asking the file system, which may be at the other end of the very network that the thread waits for.
  if (::statx(AT_FDCWD, (thread.ProcPath("fd") + "/" + std::to_string(number)).c_str(), AT_STATX_DONT_SYNC, STATX_TYPE,
              &status) != 0) {
    return false;
  }
  switch (status.stx_mode & S_IFMT) {
    case 0:  // eventfd, timerfd, inotify and the like
    case S_IFIFO:
      return true;
    case S_IFSOCK: {
      const UniqueFd socket = CopyDescriptor(thread.pid, number);
      return socket && !HasTimeout(socket, timeout_option) && SocketOption(socket, SO_RCVLOWAT, 2) <= 1;
    }
    case S_IFCHR: {
      const UniqueFd file = CopyDescriptor(thread.pid, number);
      return file && IsTerminalWithoutTimeout(file);
    }
    default:
      return false;
  }
}

/// The kernel restarts these only if it can store what remains (poll_select_finish() in fs/select.c).
bool IsSafeWithTimeoutAt(ThreadId thread, std::uint64_t timeout) {
  if (timeout == 0) return true;
  const auto map = MemoryMap::Read(thread.pid);
  const Mapping* mapping = map.ok() ? map->Find(RemoteAddress(timeout)) : nullptr;
  return mapping != nullptr && mapping->writable;
}

/// A wait that is to be answered by more than one event hands back those that have come, and a submission its number.
bool IsSafeRingWait(const ThreadActivity& enter) {
  const auto& [ring, to_submit, wanted, flags, argument, size] = enter.arguments;
  const bool timed = (flags & IORING_ENTER_EXT_ARG) != 0 && (flags & kRingTimerIsAbsolute) == 0;
  return to_submit == 0 && wanted <= 1 && !timed;
}

bool IsLockingCommand(std::uint64_t command) { return command == F_SETLKW || command == F_OFD_SETLKW; }

bool IsSafeCall(ThreadId thread, const ThreadActivity& activity) {
  const auto& arguments = activity.arguments;
  switch (activity.system_call) {
    case SYS_restart_syscall:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_poll:
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case kFutexWaitv:
    case SYS_pause:
    case SYS_rt_sigsuspend:
    case SYS_wait4:
    case SYS_waitid:
    case SYS_flock:
    case SYS_msgsnd:
    case SYS_msgrcv:
    case SYS_mq_timedsend:
    case SYS_mq_timedreceive:
    case SYS_semop:
      return true;
    case SYS_futex:
      return (arguments[1] & FUTEX_CMD_MASK) != FUTEX_WAIT_REQUEUE_PI;
    case SYS_fcntl:
      return IsLockingCommand(arguments[1]);
    case SYS_ppoll:
      return IsSafeWithTimeoutAt(thread, arguments[2]);
    case SYS_select:
    case SYS_pselect6:
      return IsSafeWithTimeoutAt(thread, arguments[4]);
    case SYS_semtimedop:
      return arguments[3] == 0;
    case SYS_rt_sigtimedwait:
      return arguments[2] == 0;
    case SYS_io_getevents:
    case SYS_io_pgetevents:
      return arguments[1] <= 1 && arguments[4] == 0;
    case SYS_io_uring_enter:
      return IsSafeRingWait(activity);
    case SYS_read:
    case SYS_readv:
    case SYS_accept:
    case SYS_accept4:
      return IsSafeOnDescriptor(thread, arguments[0], SO_RCVTIMEO);
    case SYS_recvfrom:
      return (arguments[3] & MSG_WAITALL) == 0 && IsSafeOnDescriptor(thread, arguments[0], SO_RCVTIMEO);
    case SYS_recvmsg:
      return (arguments[2] & MSG_WAITALL) == 0 && IsSafeOnDescriptor(thread, arguments[0], SO_RCVTIMEO);
    case SYS_connect:
      return IsSafeOnDescriptor(thread, arguments[0], SO_SNDTIMEO);
    default:
      return false;
  }
}

}  // namespace

bool IsSafeToStop(ThreadId thread, const ThreadActivity& activity) {
  return activity.running || activity.system_call < 0 || IsSafeCall(thread, activity);
}

}  // namespace pyleak::attach
