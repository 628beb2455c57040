#include "attach/trace/stop.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "attach/proc/stat.h"
#include "attach/proc/thread_status.h"
#include "attach/trace/deadline_alarm.h"

namespace pyleak::attach {
namespace {

using std::chrono::steady_clock;

/// A thread that wants a CPU and gets none for so long does not miss us.
constexpr std::chrono::seconds kMostPatience(10);

/// Of what other threads of ours trace nothing may be taken away from them: an exec may give one's number to another's.
constexpr int kOwnTracees = __WALL | __WNOTHREAD;

/// WEXITED is left out: the end of a child of ours must stay for whoever waits for it.
bool HasStopped(int tid, Stop& stop) {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(tid), &info, WSTOPPED | WNOHANG | kOwnTracees) != 0 || info.si_pid == 0)
    return false;
  stop = {StopKind::kStopped, info.si_status};
  return true;
}

/// A thread that ends while it is traced stays a zombie until its tracer has waited for it.
std::optional<StopKind> PollEnd(ThreadId thread) {
  siginfo_t info{};
  const auto id = static_cast<id_t>(thread.tid);
  if (::waitid(P_PID, id, &info, WEXITED | WNOHANG | WNOWAIT | kOwnTracees) != 0) {
    return errno == ECHILD ? std::optional(StopKind::kLost) : std::nullopt;
  }
  // Whoever traces sees the stops of his thread in every wait, whether he asks for them (wait_task_stopped() in
  // kernel/exit.c) or not: one that has come since HasStopped() looked is no end.
  const bool over = info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
  if (info.si_pid == 0 || !over) return std::nullopt;
  const auto stat = ReadStat(thread.tid);
  const bool own_child = thread.tid == thread.pid && stat.ok() && stat->parent_pid == ::getpid();
  if (own_child) return StopKind::kLost;
  ::waitid(P_PID, id, &info, WEXITED | WNOHANG | kOwnTracees);
  return StopKind::kEnded;
}

}  // namespace

std::optional<Stop> PollStop(ThreadId thread) {
  Stop stop;
  if (HasStopped(thread.tid, stop)) return stop;
  if (const auto end = PollEnd(thread)) return Stop{*end, 0};
  return std::nullopt;
}

Stop WaitForStop(ThreadId thread, steady_clock::time_point deadline) {
  const DeadlineAlarm alarm(deadline);
  for (;;) {
    // Blocked at once: the thread may need this very CPU to stop. Polling, also with short sleeps, takes twice to
    // twenty times as long. For whatever comes: under its new number the kernel would not wake us for it.
    siginfo_t info{};
    ::waitid(P_ALL, 0, &info, WSTOPPED | WEXITED | WNOWAIT | kOwnTracees);
    if (const auto stop = PollStop(thread)) return *stop;
    if (steady_clock::now() >= deadline) return {StopKind::kTimedOut, 0};
  }
}

Stop WaitForRequestedStop(ThreadId thread, std::chrono::microseconds limit) {
  for (const auto begin = steady_clock::now();;) {
    const Stop stop = WaitForStop(thread, steady_clock::now() + limit);
    if (stop.kind != StopKind::kTimedOut || steady_clock::now() - begin > kMostPatience) return stop;
    const auto stat = ReadStat(thread.pid, thread.tid);
    if (stat.ok() && stat->state == 'D') return stop;
  }
}

Result<void> CheckUntraced(ThreadId thread) {
  const auto status = ReadThreadStatus(thread);
  if (!status.ok() || status->tracer_pid == 0) return {};
  const auto tracer = ReadThreadStatus(status->tracer_pid);
  const int tracer_pid = tracer.ok() ? tracer->process_id : status->tracer_pid;
  if (tracer_pid == ::getpid()) {
    return Error{ErrorCode::kTimedOut, "another thread of pyleak holds it at this moment"};
  }
  const auto stat = ReadStat(tracer_pid);
  return Error{ErrorCode::kAlreadyTraced, "the process is already traced by pid " + std::to_string(tracer_pid) +
                                              (stat.ok() ? " (" + stat->name + ")" : std::string())};
}

}  // namespace pyleak::attach
