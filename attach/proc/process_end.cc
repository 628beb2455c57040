#include "attach/proc/process_end.h"

#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cstdint>

#include "attach/proc/stat.h"

namespace pyleak::attach {
namespace {

/// struct pidfd_info of include/uapi/linux/pidfd.h as it was in Linux 6.15, when it got exit_code; what came later is
/// behind that.
struct PidfdInfo {
  std::uint64_t mask = 0;
  std::uint64_t cgroup_id = 0;
  std::uint32_t numbers_and_credentials[11] = {};
  std::int32_t exit_code = 0;
};
static_assert(sizeof(PidfdInfo) == 64);

constexpr std::uint64_t kPidfdInfoExit = 1U << 3;
const unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);

ProcessEnd OfWaitStatus(int status) {
  return WIFSIGNALED(status) ? ProcessEnd{.signal = WTERMSIG(status)} : ProcessEnd{.exit_status = WEXITSTATUS(status)};
}

/// Known from when the parent has waited for the process.
std::optional<ProcessEnd> AskPidfd(const ProcessIdentity& process) {
  PidfdInfo info{.mask = kPidfdInfoExit};
  if (::ioctl(process.pidfd(), kPidfdGetInfo, &info) != 0 || (info.mask & kPidfdInfoExit) == 0) return std::nullopt;
  return OfWaitStatus(info.exit_code);
}

/// Known until then.
std::optional<ProcessEnd> AskZombie(const ProcessIdentity& process) {
  const auto stat = ReadStat(process.pid());
  const bool is_zombie = stat && stat->start_ticks == process.start_ticks() && stat->state == 'Z';
  return is_zombie && stat->wait_status ? std::optional(OfWaitStatus(*stat->wait_status)) : std::nullopt;
}

}  // namespace

std::optional<ProcessEnd> HowItEnded(const ProcessIdentity& process) {
  if (process.StillRuns()) return std::nullopt;
  if (const auto end = AskZombie(process)) return end;
  return AskPidfd(process);
}

}  // namespace pyleak::attach
