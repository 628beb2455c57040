#include "attach/trace/stop.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <thread>

#include "attach/proc/stat.h"
#include "attach/proc/thread_status.h"

namespace pyleak::attach {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

/// A sleeping thread stops within 6 us, one on another CPU within 30; longer only when it has to wait for a CPU, which
/// we had better leave to it then.
constexpr microseconds kSpin(60);
constexpr microseconds kFirstSleep(20);
constexpr microseconds kLongestSleep(1000);

/// WEXITED is left out: the end of a child of ours must stay for whoever waits for it.
bool HasStopped(int tid, Stop& stop) {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(tid), &info, WSTOPPED | WNOHANG | __WALL) != 0 || info.si_pid == 0)
    return false;
  stop = {StopKind::kStopped, info.si_status};
  return true;
}

/// A thread that ends while it is traced stays a zombie until its tracer has waited for it.
bool HasEnded(ThreadId thread) {
  siginfo_t info{};
  const auto id = static_cast<id_t>(thread.tid);
  if (::waitid(P_PID, id, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0) return errno == ECHILD;
  // Whoever traces sees the stops of his thread in every wait, whether he asks for them (wait_task_stopped() in
  // kernel/exit.c) or not: one that has come since HasStopped() looked is no end.
  const bool over = info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
  if (info.si_pid == 0 || !over) return false;
  const auto stat = ReadStat(thread.tid);
  const bool own_child = thread.tid == thread.pid && stat.ok() && stat->parent_pid == ::getpid();
  if (!own_child) ::waitid(P_PID, id, &info, WEXITED | WNOHANG | __WALL);
  return true;
}

}  // namespace

Stop WaitForStop(ThreadId thread, steady_clock::time_point deadline) {
  Stop stop;
  const auto spin_end = std::min(steady_clock::now() + kSpin, deadline);
  do {
    if (HasStopped(thread.tid, stop)) return stop;
    ::sched_yield();
  } while (steady_clock::now() < spin_end);
  for (microseconds pause = kFirstSleep;; pause = std::min(pause * 2, kLongestSleep)) {
    if (HasStopped(thread.tid, stop)) return stop;
    if (HasEnded(thread)) return {StopKind::kEnded, 0};
    if (steady_clock::now() >= deadline) return {StopKind::kTimedOut, 0};
    std::this_thread::sleep_for(pause);
  }
}

Error SeizeError(ThreadId thread, int error_number) {
  const auto status = ReadThreadStatus(thread);
  if (error_number != EPERM || !status.ok() || status->tracer_pid == 0) {
    return ErrnoError("tracing thread " + std::to_string(thread.tid), error_number);
  }
  const auto tracer = ReadThreadStatus(status->tracer_pid);
  const int tracer_pid = tracer.ok() ? tracer->process_id : status->tracer_pid;
  const auto stat = ReadStat(tracer_pid);
  return {ErrorCode::kAlreadyTraced, "the process is already traced by pid " + std::to_string(tracer_pid) +
                                         (stat.ok() ? " (" + stat->name + ")" : std::string())};
}

}  // namespace pyleak::attach
