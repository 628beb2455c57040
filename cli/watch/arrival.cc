#include "cli/watch/arrival.h"

#include <algorithm>
#include <utility>

#include "attach/proc/stat.h"
#include "attach/proc/thread_list.h"
#include "attach/trace/polled_descriptors.h"
#include "attach/trace/wait_calls.h"
#include "cli/watch/sampler.h"

namespace pyleak::cli {

using attach::HeartbeatTime;
using attach::SlotReading;

namespace {

/// A look costs a microsecond. The first iteration's beginning is not known better than this.
constexpr std::chrono::milliseconds kInterval(5);
/// Whoever sleeps for longer than kEager is looked at less often.
constexpr std::chrono::milliseconds kPatientInterval(10);
constexpr std::chrono::seconds kEager(10);
constexpr std::size_t kMostThreads = 256;
/// From a wait's return address in an import slot to its system call takes less than a microsecond; what a thread has
/// run for is known to a tick of the kernel's clock.
constexpr std::chrono::milliseconds kWayIntoWait(1);
/// What lies on the stack between a caller of poll or select and the system call; some 100 bytes in glibc 2.36.
constexpr std::uint64_t kMostWrapperBytes = 512;

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
      was_waiting_(attach::WaitsLikeLoop(activity, process->memory(), process->identity())),
      arrived_(MonotonicNow()),
      last_waiting_(arrived_),
      options_(options),
      detector_(options) {
  LoopFacts facts;
  const auto stat = attach::ReadStat(process->pid(), thread_.thread().tid);
  facts.thread = {process->pid(), thread_.thread().tid, process->name(), stat ? stat->name : ""};
  facts.process = process;
  if (was_waiting_) {
    facts.loop.wait = attach::WaitCallName(activity.system_call);
    if (attach::IsEpollWait(activity.system_call)) facts.loop.fd = static_cast<int>(activity.arguments[0]);
  }
  facts.only_if_known = true;
  if (auto meter = attach::ThreadMeter::Open(thread_.thread())) meter_ = *std::move(meter);
  if (meter_) at_arrival_ = meter_->Read();
  facts_ = std::make_shared<const LoopFacts>(std::move(facts));
}

Arrival::Finding Arrival::Look(std::span<const SlotReading> readings, HeartbeatTime now) {
  if (const SlotReading* slot = SlotOf(readings)) return IsInSlot(*slot, now);
  if (HasOtherLoop(readings)) return {.over = true};
  const auto activity = thread_.Look();
  if (!activity) return {.over = true};
  const bool same_wait = attach::IsWaiting(*activity) && IsSameWait(*activity);
  // Any other wait is part of the work.
  if (same_wait || LearnWait(*activity)) {
    wait_ = *activity;
    last_waiting_ = now;
    return out_since_ ? EndWork(same_wait, now) : Finding{};
  }
  if (!out_since_) out_since_ = was_waiting_ ? last_waiting_ : arrived_;
  if (dismissed_) return {};
  SlotReading reading;
  reading.busy = true;
  reading.since = *out_since_;
  return {.decision = detector_.Look(reading, {}, now)};
}

bool Arrival::IsSettled() {
  if (was_waiting_) return true;
  const auto activity = thread_.Look();
  if (!activity || LearnWait(*activity) || !activity->running) return true;
  const auto account = meter_ ? meter_->Read() : std::nullopt;
  return !account || !at_arrival_ || account->cpu - at_arrival_->cpu >= kWayIntoWait;
}

bool Arrival::LearnWait(const attach::ThreadActivity& activity) {
  if (was_waiting_ || !WaitsLikeLoop(activity)) return false;
  wait_ = activity;
  was_waiting_ = true;
  last_waiting_ = MonotonicNow();
  return true;
}

bool Arrival::WaitsLikeLoop(const attach::ThreadActivity& activity) const {
  return attach::WaitsLikeLoop(activity, facts_->process->memory(), facts_->process->identity());
}

const SlotReading* Arrival::SlotOf(std::span<const SlotReading> readings) const {
  const auto slot = std::ranges::find_if(readings, [this](const SlotReading& reading) {
    return reading.tid == thread_.thread().tid && (!was_waiting_ || IsWaitOf(reading));
  });
  return slot == readings.end() ? nullptr : &*slot;
}

bool Arrival::HasOtherLoop(std::span<const SlotReading> readings) const {
  return std::ranges::any_of(readings, [this](const SlotReading& reading) {
    return reading.tid == thread_.thread().tid && reading.is_epoll() && reading.iteration >= 2;
  });
}

bool Arrival::IsSameWait(const attach::ThreadActivity& activity) const {
  return was_waiting_ && activity.system_call == wait_.system_call && activity.arguments[0] == wait_.arguments[0] &&
         activity.stack_pointer == wait_.stack_pointer;
}

Arrival::Finding Arrival::IsInSlot(const SlotReading& reading, HeartbeatTime now) {
  if (!out_since_) return {.over = true};
  const bool same_wait = IsWaitOf(reading);
  if (same_wait) {
    LoopFacts facts = *facts_;
    facts.loop.wait = attach::WaitName(reading.wait);
    facts_ = std::make_shared<const LoopFacts>(std::move(facts));
  }
  Finding finding = EndWork(same_wait, std::min(reading.first_wait, now));
  finding.over = true;
  return finding;
}

bool Arrival::IsWaitOf(const SlotReading& reading) const {
  if (!was_waiting_) return false;
  if (attach::IsEpollWait(wait_.system_call)) {
    return reading.is_epoll() && static_cast<int>(wait_.arguments[0]) == reading.fd;
  }
  // poll and select have no object: the same depth of the stack has to do, but for what the C library needs to get to
  // the system call.
  const std::uint64_t deeper = reading.stack_pointer - wait_.stack_pointer;
  return !reading.is_epoll() && reading.stack_pointer >= wait_.stack_pointer && deeper < kMostWrapperBytes;
}

Arrival::Finding Arrival::EndWork(bool same_wait, HeartbeatTime end) {
  if (same_wait && facts_->only_if_known) {
    LoopFacts facts = *facts_;
    facts.only_if_known = false;
    dismissed_ = false;
    facts_ = std::make_shared<const LoopFacts>(std::move(facts));
  }
  const HeartbeatTime begin = *std::exchange(out_since_, std::nullopt);
  detector_ = attach::Detector(options_);
  return {.finished = attach::Iteration{0, begin, std::max(begin, end)}};
}

std::string Arrival::Note() const {
  if (was_waiting_) return "seen from outside: the block may be a few milliseconds shorter than is said here";
  return "the thread was blocked already when pyleak came: the block lasted longer than is said here";
}

std::chrono::nanoseconds Arrival::interval(HeartbeatTime now) const {
  return now - arrived_ < kEager ? kInterval : kPatientInterval;
}

}  // namespace pyleak::cli
