#include "cli/watch/arrival.h"

#include <algorithm>
#include <utility>

#include "attach/proc/stat.h"
#include "attach/proc/thread_list.h"
#include "attach/trace/last_run.h"
#include "attach/trace/system_call_names.h"
#include "attach/trace/wait_calls.h"
#include "cli/watch/sampler.h"

namespace pyleak::cli {

using attach::HeartbeatTime;
using attach::SlotReading;

namespace {

/// A look costs a microsecond. The first iteration's beginning is not known better than this.
constexpr std::chrono::milliseconds kInterval(5);
/// Whoever sleeps for longer than kEager is looked at less often.
constexpr std::chrono::milliseconds kPatientInterval(20);
constexpr std::chrono::seconds kEager(10);
constexpr std::size_t kMostThreads = 256;

}  // namespace

std::vector<std::unique_ptr<Arrival>> Arrival::AllThreads(const std::shared_ptr<WatchedProcess>& process,
                                                          const attach::DetectorOptions& options,
                                                          std::uint64_t& next_loop) {
  std::vector<std::unique_ptr<Arrival>> arrivals;
  for (const int tid : attach::ListThreads(process->pid(), kMostThreads)) {
    auto look = attach::ThreadLook::Open({process->pid(), tid});
    if (!look) continue;
    const auto activity = look->Look();
    if (!activity) continue;
    arrivals.emplace_back(new Arrival(next_loop++, *std::move(look), *activity, process, options));
  }
  return arrivals;
}

Arrival::Arrival(std::uint64_t number, attach::ThreadLook thread, const attach::ThreadActivity& activity,
                 const std::shared_ptr<WatchedProcess>& process, const attach::DetectorOptions& options)
    : number_(number),
      thread_(std::move(thread)),
      wait_(activity),
      was_waiting_(attach::IsWaiting(activity)),
      arrived_(MonotonicNow()),
      last_waiting_(arrived_),
      detector_(options),
      threshold_(options.threshold) {
  LoopFacts facts;
  const auto stat = attach::ReadStat(process->pid(), thread_.thread().tid);
  facts.thread = {process->pid(), thread_.thread().tid, process->name(), stat ? stat->name : ""};
  facts.process = process;
  if (was_waiting_) {
    facts.loop.wait = attach::SystemCallName(activity.system_call);
    if (attach::IsEpollWait(activity.system_call)) facts.loop.fd = static_cast<int>(activity.arguments[0]);
  }
  facts.only_if_known = true;
  facts_ = std::make_shared<const LoopFacts>(std::move(facts));
}

Arrival::Finding Arrival::Look(std::span<const SlotReading> readings, HeartbeatTime now) {
  const auto slot = std::ranges::find(readings, thread_.thread().tid, &SlotReading::tid);
  if (slot != readings.end()) return Finish(*slot, now);
  const auto activity = thread_.Look();
  if (!activity) return {.over = true};
  if (!out_since_ && was_waiting_ && *activity == wait_) {
    last_waiting_ = now;
    return {};
  }
  if (!out_since_) NoteOut(*activity, now);
  if (dismissed_) return {.over = !was_waiting_};
  SlotReading reading;
  reading.busy = true;
  reading.since = *out_since_;
  return {.decision = detector_.Look(reading, {}, now)};
}

void Arrival::NoteOut(const attach::ThreadActivity& activity, HeartbeatTime now) {
  out_since_ = now;
  // A thread that sleeps has slept since it left the wait, but for what it ran in between.
  if (was_waiting_ && !activity.running) {
    if (const auto asleep = attach::TimeSinceLastRun(thread_.thread())) out_since_ = now - *asleep;
  }
  out_since_ = std::clamp(*out_since_, last_waiting_, now);
}

Arrival::Finding Arrival::Finish(const SlotReading& reading, HeartbeatTime now) {
  // The very wait that it had been in when pyleak came, entered again: a loop's, and the first through the agent.
  const bool same_wait = was_waiting_ && facts_->loop.fd && reading.is_epoll() && *facts_->loop.fd == reading.fd;
  if (same_wait) {
    LoopFacts facts = *facts_;
    facts.only_if_known = false;
    facts_ = std::make_shared<const LoopFacts>(std::move(facts));
  }
  const HeartbeatTime end = reading.iteration == 1 ? reading.waited_at : now;
  if (!out_since_) out_since_ = was_waiting_ ? end : arrived_;
  if (end - *out_since_ < threshold_) return {.over = true};
  return {.block = attach::Iteration{0, *out_since_, end}, .over = true};
}

std::string Arrival::Note() const {
  if (was_waiting_) return "the first iteration after pyleak came: its beginning is known to a few milliseconds";
  return "the thread was blocked already when pyleak came: the block lasted longer than is said here";
}

std::chrono::nanoseconds Arrival::interval(HeartbeatTime now) const {
  return now - arrived_ < kEager ? kInterval : kPatientInterval;
}

}  // namespace pyleak::cli
