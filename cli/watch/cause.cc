#include "cli/watch/cause.h"

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
/// One sample is no proof of the whole block, and a reader should know of how many this was read.
std::string InSamples(std::size_t count) {
  return count == 1 ? "when sampled" : fmt::format("in each of {} samples", count);
}

std::string Advice(const SampleEvidence& sample, const std::string& loop_kind) {
  const bool python_sleep = sample.source_line.find("time.sleep(") != std::string::npos;
  if (!python_sleep || !attach::IsSleep(sample.activity)) return "";
  if (loop_kind == "asyncio" || loop_kind == "uvloop" || loop_kind == "tornado") {
    return "; time.sleep blocks the loop, use asyncio.sleep";
  }
  if (loop_kind == "trio") return "; time.sleep blocks the loop, use trio.sleep";
  return "; time.sleep blocks the loop";
}

Cause ExplainSystemCall(std::span<const SampleEvidence> samples, const std::string& loop_kind) {
  const SampleEvidence& first = samples.front();
  Cause cause;
  cause.syscall = attach::SystemCallName(first.activity.system_call);
  const bool nested = attach::IsWaiting(first.activity);
  cause.kind = nested ? CauseKind::kNestedWait : CauseKind::kSyscall;
  cause.fd = DescriptorOf(first.activity);
  cause.target = first.target;
  std::string what = fmt::format("system call {} {}", *cause.syscall, InSamples(samples.size()));
  if (cause.fd) what += fmt::format(", on descriptor {}", *cause.fd);
  if (cause.target) what += fmt::format(" ({})", *cause.target);
  if (nested) what += "; a wait of its own within the loop's iteration";
  cause.summary = what + Advice(first, loop_kind);
  return cause;
}

}  // namespace

std::optional<int> DescriptorOf(const attach::ThreadActivity& activity) {
  if (activity.running || std::ranges::find(kDescriptorFirst, activity.system_call) == kDescriptorFirst.end())
    return std::nullopt;
  return static_cast<int>(activity.arguments[0]);
}

Cause ExplainBlock(std::span<const SampleEvidence> samples, const std::string& loop_kind) {
  if (samples.empty()) return {};
  const attach::ThreadActivity& first = samples.front().activity;
  const auto all = [&](auto agrees) {
    return std::ranges::all_of(samples, [&](const SampleEvidence& sample) { return agrees(sample.activity); });
  };
  if (all([](const attach::ThreadActivity& activity) { return activity.running; })) {
    Cause cause;
    cause.kind = CauseKind::kCpu;
    cause.summary = "running, not waiting for anything, " + InSamples(samples.size());
    return cause;
  }
  if (first.running || first.system_call < 0) return {};
  if (!all([&](const attach::ThreadActivity& activity) {
        return !activity.running && activity.system_call == first.system_call;
      })) {
    return {};
  }
  return ExplainSystemCall(samples, loop_kind);
}

}  // namespace pyleak::cli
