#include "cli/survey/loop_survey.h"

#include <chrono>
#include <thread>
#include <utility>

#include "attach/proc/stat.h"
#include "attach/proc/thread_list.h"
#include "attach/trace/polled_descriptors.h"
#include "attach/trace/wait_calls.h"
#include "cli/watch/event_maker.h"
#include "symbolize/loop_kind.h"

namespace pyleak::cli {
namespace {

/// A survey of more would take minutes, and would be read by nobody.
constexpr std::size_t kMostThreads = 4096;
/// A loop of an unknown library is told by its wait only, and a thread that moves on while it is looked at by nothing:
/// such a thread is looked at again, until a busy loop has had the time to come round.
constexpr int kMostLooks = 10;
constexpr std::chrono::milliseconds kBetweenLooks(2);

}  // namespace

std::vector<LoopSnapshot> LoopSurvey::Look(const std::shared_ptr<WatchedProcess>& process) {
  std::vector<LoopSnapshot> loops;
  for (const int tid : attach::ListThreads(process->pid(), kMostThreads)) {
    auto look = attach::ThreadLook::Open({process->pid(), tid});
    if (!look) continue;
    if (auto loop = LookUntilClear(*process, *look)) loops.push_back(*std::move(loop));
  }
  return loops;
}

std::optional<LoopSnapshot> LoopSurvey::LookUntilClear(WatchedProcess& process, attach::ThreadLook& thread) {
  for (int looks = 0; looks < kMostLooks; ++looks) {
    const auto before = thread.Look();
    if (!before) return std::nullopt;
    if (auto loop = LookAtThread(process, thread)) return loop;
    if (!before->running && thread.Look() == before) return std::nullopt;
    std::this_thread::sleep_for(kBetweenLooks);
  }
  return std::nullopt;
}

std::optional<LoopSnapshot> LoopSurvey::LookAtThread(WatchedProcess& process, attach::ThreadLook& thread) {
  const auto activity = thread.Look();
  if (!activity) return std::nullopt;
  const bool waiting = attach::WaitsLikeLoop(*activity, process.memory(), process.identity());
  std::optional<RawSample> sample;
  if (waiting) {
    sample = sampler_.CopySleeping(process, thread);
  } else if (auto taken = sampler_.Take(process, thread)) {
    sample = *std::move(taken);
  }
  if (!sample) return std::nullopt;
  const NamedStacks stacks = process.symbols().Name(sample->stack, sample->interpreter.get(), sample->python);
  const auto kind = symbolize::LoopOfStack(stacks.native, stacks.python);
  const bool epoll = waiting && attach::IsEpollWait(activity->system_call);
  // An epoll instance is a loop's also where the library is not known; poll and select may be anybody's.
  if (!kind && !epoll) return std::nullopt;
  LoopSnapshot loop;
  loop.timestamp = Now();
  const auto stat = attach::ReadStat(process.pid(), thread.thread().tid);
  loop.thread = {process.pid(), thread.thread().tid, process.name(), stat ? stat->name : ""};
  loop.loop.kind = kind.value_or("generic");
  if (waiting) loop.loop.wait = attach::WaitCallName(activity->system_call);
  if (epoll) loop.loop.fd = static_cast<int>(activity->arguments[0]);
  loop.waiting = waiting;
  loop.blocking_stack = stacks.blocking;
  loop.native_stack = stacks.native;
  return loop;
}

}  // namespace pyleak::cli
