#include "cli/watch/watch.h"

#include <algorithm>
#include <ranges>
#include <string>
#include <utility>

#include "attach/base/file.h"
#include "cli/loop_choice.h"
#include "cli/watch/cause.h"

namespace pyleak::cli {

using attach::HeartbeatTime;
using attach::SlotReading;
using attach::WaitRole;

namespace {

/// A service that has not waited once in this time is worth a word; it may still be starting.
constexpr std::chrono::seconds kPatienceWithoutLoop(5);

BlockKey KeyOf(const LoopWatch& loop, const SlotReading& reading) {
  return {loop.number(), reading.since, reading.iteration};
}

bool IsLoop(WaitRole role) { return role == WaitRole::kLoop || role == WaitRole::kProvisional; }

}  // namespace

Watch::Watch(const WatchOptions& options, ProcessSource& source, Reporter& reporter, const Alarm& alarm)
    : options_(options),
      detector_options_{options.threshold, options.check_interval},
      source_(source),
      reporter_(reporter),
      alarm_(alarm),
      started_(MonotonicNow()),
      journal_(options, reporter,
               {.left_loop =
                    [this](const BlockKey& key) {
                      const std::lock_guard lock(verdicts_mutex_);
                      left_loops_.push_back(key);
                    },
                .no_loop =
                    [this](const BlockKey& key) {
                      const std::lock_guard lock(verdicts_mutex_);
                      no_loops_.push_back(key);
                    },
                .stop =
                    [this](EndReason reason) {
                      stop_ = static_cast<int>(reason);
                      alarm_.Ring();
                    }}) {}

WatchEnded Watch::Run() {
  for (;;) {
    const HeartbeatTime next_look = LookAtAll();
    if (const auto reason = ReasonToEnd()) {
      for (auto& watched : processes_) CloseProcess(*watched, "the watch ended before the block did");
      worker_.Drain();
      return Summary(*reason);
    }
    std::vector<int> wakers = source_.wakers();
    for (const auto& watched : processes_) wakers.push_back(watched->found.process->identity().pidfd());
    alarm_.Sleep(next_look - MonotonicNow(), wakers);
  }
}

void Watch::TakeNewProcesses() {
  for (FoundProcess& found : source_.TakeNew()) {
    const auto known =
        std::ranges::find_if(processes_, [&](const auto& watched) { return watched->found.process == found.process; });
    if (known != processes_.end()) {
      (*known)->found = std::move(found);
      continue;
    }
    auto watched = std::make_unique<Watched>(Watched{std::move(found), {}, {}});
    if (watched->found.joined_late) {
      watched->arrivals = Arrival::AllThreads(watched->found.process, detector_options_, next_loop_);
      std::erase_if(watched->arrivals,
                    [this](const auto& arrival) { return !IsChosenThread(options_.loops, arrival->facts()->thread); });
    }
    processes_.push_back(std::move(watched));
  }
  for (Warning& warning : source_.TakeWarnings()) {
    worker_.Post([this, warning = std::move(warning)] { journal_.OnWarning(warning); });
  }
}

HeartbeatTime Watch::LookAtAll() {
  TakeVerdicts();
  TakeNewProcesses();
  HeartbeatTime next_look = MonotonicNow() + EffectiveCheckInterval(detector_options_);
  for (auto& watched : processes_) {
    // Asked first: what the heartbeat says after the process has ended is final.
    const bool running = watched->found.process->identity().StillRuns();
    const auto& heartbeat = watched->found.heartbeat;
    const bool same_program =
        running && (!heartbeat || watched->found.process->memory().IsSameProgram(heartbeat->agent_base()));
    if (same_program) {
      next_look = std::min(next_look, LookAt(*watched));
      continue;
    }
    CloseProcess(*watched, running ? "the process began another program (exec) before the block ended"
                                   : "the process ended before the block did");
    source_.Release(watched->found);
    watched.reset();
  }
  std::erase(processes_, nullptr);
  WarnIfNoLoop();
  if (options_.duration) next_look = std::min(next_look, started_ + *options_.duration);
  return next_look;
}

HeartbeatTime Watch::LookAt(Watched& watched) {
  HeartbeatTime next_look = HeartbeatTime::max();
  std::vector<SlotReading> readings = ReadLoops(watched);
  next_look = LookAtArrivals(watched, readings);  // first, for what they tell of is older
  const std::vector<WaitRole> roles = FindLoops(readings);
  for (std::size_t i = 0; i < readings.size(); ++i) {
    LoopWatch& loop = *watched.loops.at(readings[i].slot);
    loop.role = roles[i];
    next_look = std::min(next_look, LookAtLoop(watched, loop, readings[i]));
  }
  return next_look;
}

HeartbeatTime Watch::LookAtArrivals(Watched& watched, const std::vector<SlotReading>& readings) {
  HeartbeatTime next_look = HeartbeatTime::max();
  for (auto& arrival : watched.arrivals) {
    const HeartbeatTime now = MonotonicNow();
    const HeartbeatTime out_since = arrival->out_since();
    const Arrival::Finding finding = arrival->Look(readings, now);
    if (finding.decision) {
      Act(*arrival, *finding.decision, now);
      next_look = std::min(next_look, finding.decision->look_again_at);
    }
    next_look = std::min(next_look, now + arrival->interval(now));
    if (finding.finished) TellFinished(*arrival, *finding.finished);
    if (!finding.over) continue;
    const BlockKey key{arrival->number(), out_since, 0};
    worker_.Post([this, key] { journal_.OnDiscarded(key); });
    arrival.reset();
  }
  std::erase(watched.arrivals, nullptr);
  return next_look;
}

void Watch::TellFinished(const Arrival& arrival, const attach::Iteration& work) {
  const BlockKey key{arrival.number(), work.begin, 0};
  const bool block = work.end - work.begin >= options_.threshold;
  worker_.Post([this, key, block, facts = arrival.facts(), work] {
    if (block) {
      journal_.OnFinished(key, facts, work);
    } else {
      journal_.OnDiscarded(key);
    }
  });
}

void Watch::Act(Arrival& arrival, const attach::Decision& decision, HeartbeatTime now) {
  const BlockKey key{arrival.number(), arrival.out_since(), 0};
  if (decision.sample) TakeSample(arrival, key);
  if (decision.onset) {
    worker_.Post([this, key, facts = arrival.facts(), now] { journal_.OnOnset(key, facts, now); });
  }
  if (decision.ongoing) {
    worker_.Post([this, key, facts = arrival.facts(), now] { journal_.OnOngoing(key, facts, now); });
  }
}

void Watch::TakeSample(Arrival& arrival, const BlockKey& key) {
  WatchedProcess& process = *arrival.facts()->process;
  attach::ThreadLook& thread = arrival.thread();
  // Any of its threads may be one that never had a loop: who sleeps is not stopped for that. The first thread is where
  // a loop most often is, and a full copy worth a stop.
  std::optional<RawSample> sample;
  if (thread.thread().tid != process.pid()) sample = Sampler::CopySleeping(process, thread);
  if (!sample) {
    auto taken = sampler_.Take(process, thread);
    if (taken) {
      sample = *std::move(taken);
    } else {
      worker_.Post([this, key, what = taken.error().what] { journal_.OnNote(key, "a sample failed: " + what); });
    }
  }
  if (!sample) return;
  worker_.Post([this, key, note = arrival.Note()] { journal_.OnNote(key, note); });
  PostSample(key, *arrival.facts(), *std::move(sample));
}

std::vector<SlotReading> Watch::ReadLoops(Watched& watched) {
  if (!watched.found.heartbeat) return {};
  std::vector<SlotReading> readings = watched.found.heartbeat->Read();
  for (SlotReading& reading : readings) {
    auto& loop = watched.loops[reading.slot];
    if (loop && loop->key() != reading.key) {
      CloseLoop(*loop, "the loop ended before the block did");
      closed_.push_back(std::exchange(loop, nullptr));
    }
    if (!loop) {
      loop = std::make_unique<LoopWatch>(next_loop_++, watched.found.process, reading, detector_options_);
    }
    loop->Update(reading);
  }
  RetireClosed(watched, readings);
  return readings;
}

void Watch::RetireClosed(Watched& watched, std::vector<SlotReading>& readings) {
  // Only where a thread has several waits does it matter at once whether one of them is over.
  const auto closed = [&](const SlotReading& reading) {
    const bool has_others = std::ranges::count(readings, reading.tid, &SlotReading::tid) > 1;
    return has_others && reading.busy && !watched.loops.at(reading.slot)->StillExists();
  };
  std::vector<std::uint32_t> slots;
  for (const SlotReading& reading : readings) {
    if (closed(reading)) slots.push_back(reading.slot);
  }
  for (const std::uint32_t slot : slots) {
    watched.found.heartbeat->Retire(slot);
    CloseLoop(*watched.loops.at(slot), "the loop was closed before the block ended");
    std::erase_if(readings, [&](const SlotReading& reading) { return reading.slot == slot; });
  }
}

HeartbeatTime Watch::LookAtLoop(Watched& watched, LoopWatch& loop, const SlotReading& reading) {
  // After the reading, so that an iteration which it shows to be over is in what is drained.
  const attach::Heartbeat::Drained drained = watched.found.heartbeat->Drain(reading.slot, loop.tail);
  const HeartbeatTime now = MonotonicNow();
  if (!IsLoop(loop.role) || !IsChosenThread(options_.loops, loop.facts()->thread)) {
    Forget(loop);
    for (const attach::Iteration& iteration : std::exchange(loop.pending, {})) Discard(loop, iteration);
    return now + EffectiveCheckInterval(detector_options_);
  }
  lost_blocks_ += drained.lost;
  attach::Decision decision = loop.detector.Look(reading, drained.iterations, now);
  if (reading.left) {
    decision.sample = decision.onset = decision.ongoing = false;
  }
  if ((decision.sample || decision.onset) && !loop.StillExists()) {
    watched.found.heartbeat->Retire(reading.slot);
    Forget(loop);
    return now;
  }
  Act(*watched.found.heartbeat, loop, decision, now);
  return decision.look_again_at;
}

void Watch::Act(const attach::Heartbeat& heartbeat, LoopWatch& loop, const attach::Decision& decision,
                HeartbeatTime now) {
  loop.pending.insert(loop.pending.end(), decision.finished.begin(), decision.finished.end());
  if (loop.role == WaitRole::kLoop) {
    for (const attach::Iteration& iteration : std::exchange(loop.pending, {})) TellFinished(loop, iteration);
  } else {
    KeepPending(loop);
  }
  if (decision.discarded) Forget(loop);
  if (decision.sample) TakeSample(heartbeat, loop);
  const BlockKey key = KeyOf(loop, loop.last());
  auto facts = loop.facts();
  if (!loop.IsCertain()) {
    // A wait that came once may have been no loop's: until it comes again only the stack can tell.
    LoopFacts uncertain = *facts;
    uncertain.only_if_known = true;
    facts = std::make_shared<const LoopFacts>(std::move(uncertain));
  }
  if (decision.onset) {
    loop.told_of = {key.iteration, key.begin, true};
    worker_.Post([this, key, facts, now] { journal_.OnOnset(key, facts, now); });
  }
  if (decision.ongoing) {
    worker_.Post([this, key, facts, now] { journal_.OnOngoing(key, facts, now); });
  }
}

void Watch::TakeSample(const attach::Heartbeat& heartbeat, LoopWatch& loop) {
  attach::ThreadLook* thread = loop.thread();
  if (thread == nullptr) return;
  const BlockKey key = KeyOf(loop, loop.last());
  auto sample = sampler_.Take(*loop.facts()->process, *thread);
  if (!loop.told_of) loop.told_of = {key.iteration, key.begin, false};
  if (!sample) {
    worker_.Post([this, key, what = sample.error().what] { journal_.OnNote(key, "a sample failed: " + what); });
    return;
  }
  // If the iteration has ended since the look, what was copied may be of another one.
  if (!sample->has_value() || !heartbeat.IsInIteration(loop.last().slot, key.iteration)) return;
  PostSample(key, *loop.facts(), **std::move(sample));
}

void Watch::PostSample(const BlockKey& key, const LoopFacts& loop, RawSample sample) {
  std::optional<std::string> target;
  if (const auto fd = DescriptorOf(sample.activity)) {
    auto link = ReadLink("/proc/" + std::to_string(loop.thread.pid) + "/fd/" + std::to_string(*fd));
    if (link) target = *std::move(link);
  }
  auto shared = std::make_shared<RawSample>(std::move(sample));
  worker_.Post([this, key, shared, target = std::move(target)] { journal_.OnSample(key, std::move(*shared), target); });
}

void Watch::KeepPending(LoopWatch& loop) {
  while (loop.pending.size() > PYLEAK_RING_LENGTH) {
    Discard(loop, loop.pending.front());
    loop.pending.erase(loop.pending.begin());
    ++lost_blocks_;
  }
  // Its samples are kept with it: what is told of next is another iteration.
  const bool is_over = loop.told_of && std::ranges::any_of(loop.pending, [&](const attach::Iteration& iteration) {
                         return iteration.begin == loop.told_of->begin;
                       });
  if (is_over) loop.told_of.reset();
}

void Watch::Discard(const LoopWatch& loop, const attach::Iteration& iteration) {
  const BlockKey key{loop.number(), iteration.begin, iteration.number};
  worker_.Post([this, key] { journal_.OnDiscarded(key); });
}

void Watch::TellFinished(LoopWatch& loop, const attach::Iteration& iteration) {
  const BlockKey key{loop.number(), iteration.begin, iteration.number};
  if (loop.told_of && loop.told_of->begin == iteration.begin) loop.told_of.reset();
  worker_.Post([this, key, facts = loop.facts(), iteration] { journal_.OnFinished(key, facts, iteration); });
}

void Watch::Forget(LoopWatch& loop) {
  if (!loop.told_of) return;
  const BlockKey key{loop.number(), loop.told_of->begin, loop.told_of->iteration};
  loop.told_of.reset();
  worker_.Post([this, key] { journal_.OnDiscarded(key); });
}

void Watch::CloseLoop(LoopWatch& loop, const std::string& note) {
  if (loop.told_of && loop.told_of->past_threshold) {
    const BlockKey key{loop.number(), loop.told_of->begin, loop.told_of->iteration};
    worker_.Post(
        [this, key, facts = loop.facts(), now = MonotonicNow(), note] { journal_.OnCutShort(key, facts, now, note); });
    loop.told_of.reset();
  }
  Forget(loop);
}

void Watch::CloseProcess(Watched& watched, const std::string& note) {
  LookAt(watched);
  for (auto& [slot, loop] : watched.loops) {
    if (!loop) continue;
    CloseLoop(*loop, note);
    closed_.push_back(std::move(loop));
  }
  watched.loops.clear();
  for (const auto& arrival : watched.arrivals) {
    if (arrival->out_since() == HeartbeatTime{}) continue;
    const BlockKey key{arrival->number(), arrival->out_since(), 0};
    const HeartbeatTime now = MonotonicNow();
    if (now - key.begin < options_.threshold) continue;
    worker_.Post([this, key, facts = arrival->facts(), now, note] { journal_.OnCutShort(key, facts, now, note); });
  }
  watched.arrivals.clear();
}

void Watch::TakeVerdicts() {
  std::vector<BlockKey> left;
  std::vector<BlockKey> none;
  {
    const std::lock_guard lock(verdicts_mutex_);
    left.swap(left_loops_);
    none.swap(no_loops_);
  }
  for (auto& watched : processes_) {
    for (const BlockKey& key : left) {
      for (auto& [slot, loop] : watched->loops) {
        if (loop && loop->number() == key.loop) loop->MarkLeft(key.begin);
      }
    }
    for (const BlockKey& key : none) {
      for (auto& arrival : watched->arrivals) {
        if (arrival->number() == key.loop) arrival->Dismiss();
      }
    }
  }
}

void Watch::WarnIfNoLoop() {
  if (warned_of_no_loop_ || MonotonicNow() - started_ < kPatienceWithoutLoop) return;
  warned_of_no_loop_ = true;
  const bool any = std::ranges::any_of(processes_, [](const auto& watched) {
    return std::ranges::any_of(watched->loops, [](const auto& entry) { return IsLoop(entry.second->role); });
  });
  if (any || !closed_.empty()) return;
  const Warning warning{Now(), "no_loop",
                        "no event loop so far: no thread has waited again and again in epoll_wait, poll or select; "
                        "still looking",
                        std::nullopt};
  worker_.Post([this, warning] { journal_.OnWarning(warning); });
}

std::optional<EndReason> Watch::ReasonToEnd() {
  if (const auto reason = source_.ReasonToEnd()) return reason;
  if (stop_ >= 0) return static_cast<EndReason>(stop_.load());
  if (options_.duration && MonotonicNow() - started_ >= *options_.duration) return EndReason::kDuration;
  return std::nullopt;
}

WatchEnded Watch::Summary(EndReason reason) {
  WatchEnded ended;
  ended.timestamp = Now();
  ended.reason = reason;
  ended.duration = MonotonicNow() - started_;
  ended.blocks = journal_.blocks();
  ended.blocked = journal_.blocked();
  ended.dropped.blocks = lost_blocks_;
  for (const auto& loop : closed_) {
    if (loop->role != WaitRole::kLoop) continue;
    LoopTotals totals;
    totals.thread = loop->facts()->thread;
    totals.loop = loop->facts()->loop;
    totals.loop.iteration = loop->last().iteration;
    totals.busy = loop->last().busy_total;
    totals.waiting = loop->last().waiting_total;
    const auto found = journal_.totals().find(loop->number());
    if (found != journal_.totals().end()) {
      totals.blocks = found->second.blocks;
      totals.blocked = found->second.blocked;
      totals.longest = found->second.longest;
    }
    ended.loops.push_back(std::move(totals));
  }
  return ended;
}

}  // namespace pyleak::cli
