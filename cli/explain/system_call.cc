#include "cli/explain/system_call.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>

#include "attach/trace/system_call_names.h"
#include "attach/trace/wait_calls.h"

namespace pyleak::cli {
namespace {

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

CauseKind KindOfCall(const attach::ThreadActivity& activity, bool uninterruptible) {
  if (attach::IsWaiting(activity)) return CauseKind::kNestedWait;
  if (IsLock(activity)) return CauseKind::kLock;
  if (uninterruptible && !StartsChild(activity.system_call)) return CauseKind::kDisk;
  return activity.system_call < 0 ? CauseKind::kUnknown : CauseKind::kSyscall;
}

std::string DescribeCall(const attach::ThreadActivity& activity, const attach::CallObject& object) {
  if (activity.system_call < 0) return "in no system call";
  const bool waiting = attach::IsWaiting(activity);
  const std::string name = attach::SystemCallName(activity.system_call);
  std::string words = waiting ? "a wait of its own within the loop's iteration, " + name : "system call " + name;
  if (object.descriptor) words += fmt::format(" on descriptor {}", *object.descriptor);
  if (!object.name.empty()) words += fmt::format(" ({})", object.name);
  return words;
}

}  // namespace pyleak::cli
