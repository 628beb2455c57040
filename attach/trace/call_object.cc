#include "attach/trace/call_object.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <climits>
#include <vector>

#include "attach/proc/descriptor.h"
#include "attach/proc/process_tree.h"
#include "attach/proc/socket_address.h"
#include "attach/proc/stat.h"
#include "attach/proc/thread_status.h"
#include "attach/trace/polled_descriptors.h"
#include "attach/trace/wait_calls.h"

namespace pyleak::attach {
namespace {

/// Calls whose first argument is the descriptor that they work on.
constexpr std::array<std::int64_t, 26> kDescriptorFirst{
    SYS_read,    SYS_pread64,    SYS_readv,     SYS_preadv,    SYS_write,     SYS_pwrite64, SYS_writev,
    SYS_pwritev, SYS_recvfrom,   SYS_recvmsg,   SYS_recvmmsg,  SYS_sendto,    SYS_sendmsg,  SYS_sendmmsg,
    SYS_accept,  SYS_accept4,    SYS_connect,   SYS_fsync,     SYS_fdatasync, SYS_flock,    SYS_fcntl,
    SYS_ioctl,   SYS_getdents64, SYS_ftruncate, SYS_fallocate, SYS_lseek};
/// Calls that name a file, by the argument that is its path.
constexpr std::array<std::int64_t, 5> kPathFirst{SYS_open, SYS_creat, SYS_stat, SYS_lstat, SYS_execve};
constexpr std::array<std::int64_t, 4> kPathSecond{SYS_openat, SYS_openat2, SYS_newfstatat, SYS_statx};

/// Of what a nested wait waits for, as many are named.
constexpr std::size_t kMostNamed = 3;

template <std::size_t kSize>
bool IsOneOf(const std::array<std::int64_t, kSize>& calls, std::int64_t call) {
  return std::ranges::find(calls, call) != calls.end();
}

std::string NameProcess(int pid) {
  const auto stat = ReadStat(pid);
  return stat ? "process " + std::to_string(pid) + " (" + stat->name + ")" : "";
}

/// The child that the process itself calls so; any child where it has but one and asks for any.
std::string NameChild(int pid, std::int64_t own_number) {
  const std::vector<int> children = Descendants(pid);
  if (own_number == -1) return children.size() == 1 ? NameProcess(children.front()) : "";
  const auto child = std::ranges::find_if(children, [&](int candidate) {
    const auto status = ReadThreadStatus(candidate);
    return status.ok() && status->namespace_tid == own_number;
  });
  return child == children.end() ? "" : NameProcess(*child);
}

std::string NameWaitedFor(const ThreadActivity& activity, const ProcessIdentity& process) {
  const auto number = static_cast<std::int32_t>(activity.arguments[0]);
  if (activity.system_call == SYS_wait4) return number > 0 || number == -1 ? NameChild(process.pid(), number) : "";
  const auto id = static_cast<std::int32_t>(activity.arguments[1]);
  switch (number) {
    case P_ALL:
      return NameChild(process.pid(), -1);
    case P_PID:
      return NameChild(process.pid(), id);
    case P_PIDFD:
      return NameProcess(ProcessOfPidfd(process.pid(), id));
    default:
      return "";
  }
}

CallObject ObjectOfConnect(const ThreadActivity& activity, const MemoryReader& memory) {
  CallObject object{static_cast<int>(activity.arguments[0]), ""};
  std::array<std::byte, sizeof(sockaddr_storage)> bytes{};
  const std::size_t length = std::min<std::uint64_t>(activity.arguments[2], bytes.size());
  const std::size_t read = memory.Read(RemoteAddress(activity.arguments[1]), std::span(bytes).first(length));
  object.name = AddressText(std::span(bytes).first(read)).value_or("");
  return object;
}

CallObject ObjectOfWait(const ThreadActivity& activity, const MemoryReader& memory, const ProcessIdentity& process) {
  CallObject object;
  std::vector<int> waited_for;
  if (IsEpollWait(activity.system_call)) {
    object.descriptor = static_cast<int>(activity.arguments[0]);
    waited_for = EpollTargets(process.pid(), *object.descriptor);
  } else {
    waited_for = PolledDescriptors(activity, memory);
    if (waited_for.size() == 1) object.descriptor = waited_for.front();
  }
  for (const int descriptor : std::span(waited_for).first(std::min(waited_for.size(), kMostNamed))) {
    if (!object.name.empty()) object.name += ", ";
    object.name += NameDescriptor(process, descriptor);
  }
  if (waited_for.size() > kMostNamed) object.name += ", ...";
  return object;
}

}  // namespace

CallObject ObjectOfCall(const ThreadActivity& activity, const MemoryReader& memory, const ProcessIdentity& process) {
  if (activity.running) return {};
  const std::int64_t call = activity.system_call;
  if (IsWaiting(activity)) return ObjectOfWait(activity, memory, process);
  if (call == SYS_connect) return ObjectOfConnect(activity, memory);
  if (call == SYS_wait4 || call == SYS_waitid) return {std::nullopt, NameWaitedFor(activity, process)};
  if (IsOneOf(kDescriptorFirst, call)) {
    const int descriptor = static_cast<int>(activity.arguments[0]);
    return {descriptor, NameDescriptor(process, descriptor)};
  }
  const bool path_first = IsOneOf(kPathFirst, call);
  if (!path_first && !IsOneOf(kPathSecond, call)) return {};
  return {std::nullopt, memory.ReadString(RemoteAddress(activity.arguments[path_first ? 0 : 1]), PATH_MAX)};
}

}  // namespace pyleak::attach
