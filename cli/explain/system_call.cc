#include "cli/explain/system_call.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>

#include "attach/trace/system_call_names.h"
#include "attach/trace/wait_calls.h"

namespace pyleak::cli {
namespace {

constexpr std::array<std::int64_t, 28> kDescriptorFirst{
    SYS_read,    SYS_pread64,    SYS_readv,     SYS_preadv,    SYS_write,      SYS_pwrite64,    SYS_writev,
    SYS_pwritev, SYS_recvfrom,   SYS_recvmsg,   SYS_recvmmsg,  SYS_sendto,     SYS_sendmsg,     SYS_sendmmsg,
    SYS_accept,  SYS_accept4,    SYS_connect,   SYS_fsync,     SYS_fdatasync,  SYS_flock,       SYS_fcntl,
    SYS_ioctl,   SYS_getdents64, SYS_ftruncate, SYS_fallocate, SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2};

bool IsLock(const attach::ThreadActivity& activity) {
  switch (activity.system_call) {
    case SYS_futex:
    case SYS_flock:
      return true;
    case SYS_fcntl:
      return activity.arguments[1] == F_SETLKW || activity.arguments[1] == F_OFD_SETLKW;
    default:
      return false;
  }
}

/// Calls that sleep uninterruptibly for another reason than a disk: a parent whose child has not begun its program yet.
bool StartsChild(std::int64_t system_call) {
  return system_call == SYS_vfork || system_call == SYS_clone || system_call == SYS_clone3;
}

}  // namespace

std::optional<int> DescriptorOf(const attach::ThreadActivity& activity) {
  if (activity.running || std::ranges::find(kDescriptorFirst, activity.system_call) == kDescriptorFirst.end())
    return std::nullopt;
  return static_cast<int>(activity.arguments[0]);
}

CauseKind KindOfCall(const attach::ThreadActivity& activity, bool uninterruptible) {
  if (attach::IsWaiting(activity)) return CauseKind::kNestedWait;
  if (IsLock(activity)) return CauseKind::kLock;
  if (uninterruptible && !StartsChild(activity.system_call)) return CauseKind::kDisk;
  return activity.system_call < 0 ? CauseKind::kUnknown : CauseKind::kSyscall;
}

std::string DescribeCall(const attach::ThreadActivity& activity, const std::optional<std::string>& target) {
  if (activity.system_call < 0) return "in no system call";
  const bool waiting = attach::IsWaiting(activity);
  const std::string name = attach::SystemCallName(activity.system_call);
  std::string words = waiting ? "a wait of its own within the loop's iteration, " + name : "system call " + name;
  if (const auto fd = DescriptorOf(activity)) words += fmt::format(" on descriptor {}", *fd);
  if (target) words += fmt::format(" ({})", *target);
  return words;
}

}  // namespace pyleak::cli
