#include "cli/watch/process_loops.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "cli/loop_choice.h"
#include "cli/watch/awaited_lock.h"

namespace pyleak::cli {

using attach::HeartbeatTime;
using attach::SlotReading;
using attach::WaitRole;

namespace {

BlockKey KeyOf(const LoopWatch& loop, const SlotReading& reading) {
  return {loop.number(), reading.since, reading.iteration};
}

BlockKey KeyOf(const LoopWatch& loop, const attach::Iteration& iteration) {
  return {loop.number(), iteration.begin, iteration.number};
}

BlockKey KeyOf(const LoopWatch& loop, const LoopWatch::Told& told) {
  return {loop.number(), told.begin, told.iteration};
}

bool IsLoop(WaitRole role) { return role == WaitRole::kLoop || role == WaitRole::kProvisional; }

/// What is known of it without its blocks.
LoopTotals TotalsOf(const LoopWatch& loop, LoopFigures figures) {
  LoopTotals totals;
  totals.thread = loop.facts()->thread;
  totals.loop = loop.facts()->loop;
  totals.loop.iteration = loop.last().iteration;
  totals.figures = std::move(figures);
  return totals;
}

}  // namespace

std::vector<SlotReading> ProcessLoops::Read(const attach::Heartbeat& heartbeat) {
  std::vector<SlotReading> readings = heartbeat.Read();
  for (SlotReading& reading : readings) {
    auto& loop = loops_[reading.slot];
    if (loop && !loop->IsOf(reading)) {
      FinishBefore(heartbeat, *loop, reading.first_wait);
      CloseLoop(*loop, "the loop ended before the block did");
      loop.reset();
    }
    if (!loop) loop = MakeLoop(heartbeat, reading);
    loop->Update(reading);
  }
  TellUnread(heartbeat, readings);
  RetireClosed(heartbeat, readings);
  return readings;
}

void ProcessLoops::TellUnread(const attach::Heartbeat& heartbeat, std::span<const SlotReading> readings) {
  for (auto& [slot, loop] : loops_) {
    if (std::ranges::find(readings, slot, &SlotReading::slot) != readings.end()) continue;
    if (!heartbeat.StandsFor(slot, loop->key())) continue;
    SlotReading over = loop->last();
    over.busy = false;
    LookAtLoop(heartbeat, *loop, over);
  }
}

void ProcessLoops::Lose(std::uint64_t blocks) {
  // Whatever the target has written there, no more can have come than there was time for.
  const auto most = static_cast<std::uint64_t>((MonotonicNow() - tools_.started) / tools_.detector.threshold) + 1;
  tools_.lost_blocks += std::min(blocks, most);
}

std::unique_ptr<LoopWatch> ProcessLoops::MakeLoop(const attach::Heartbeat& heartbeat, const SlotReading& reading) {
  // Of a wait that has come and gone since the last look.
  const auto unseen = heartbeat.Drain(reading.slot, tails_[reading.slot], reading.first_wait);
  Lose(unseen.iterations.size() + unseen.lost);
  auto loop = std::make_unique<LoopWatch>(tools_.next_loop++, process_, reading, tools_.detector);
  const auto before = ended_.extract(reading.slot);
  if (before && before.mapped().key == reading.key) loop->statistics.BeginAt(before.mapped().counts);
  return loop;
}

void ProcessLoops::FinishBefore(const attach::Heartbeat& heartbeat, LoopWatch& loop, HeartbeatTime limit) {
  SlotReading last = loop.last();
  last.left = true;
  LookAtLoop(heartbeat, loop, last, limit);
  if (const auto counts = heartbeat.ReadCounts(last.slot)) ended_[last.slot] = {loop.key(), *counts};
}

void ProcessLoops::RetireClosed(const attach::Heartbeat& heartbeat, std::vector<SlotReading>& readings) {
  // Only where a thread has several waits does it matter at once whether one of them is over.
  const auto closed = [&](const SlotReading& reading) {
    const bool has_others = std::ranges::count(readings, reading.tid, &SlotReading::tid) > 1;
    return has_others && reading.busy && !loops_.at(reading.slot)->StillExists();
  };
  const auto ended = std::partition(readings.begin(), readings.end(), std::not_fn(closed));
  for (const SlotReading& reading : std::span(ended, readings.end())) {
    LoopWatch& loop = *loops_.at(reading.slot);
    LookAtLoop(heartbeat, loop, reading);  // for the blocks before its end
    heartbeat.Retire(reading.slot);
    CloseLoop(loop, "the loop was closed before the block ended");
    if (const auto counts = heartbeat.ReadCounts(reading.slot)) ended_[reading.slot] = {loop.key(), *counts};
    loops_.erase(reading.slot);
  }
  readings.erase(ended, readings.end());
}

HeartbeatTime ProcessLoops::Look(const attach::Heartbeat& heartbeat, std::span<const SlotReading> readings) {
  HeartbeatTime next_look = HeartbeatTime::max();
  const std::vector<WaitRole> roles = FindLoops(readings);
  for (std::size_t i = 0; i < readings.size(); ++i) {
    LoopWatch& loop = *loops_.at(readings[i].slot);
    // A loop that rests goes on to be one, whatever its thread does meanwhile.
    if (!readings[i].left) loop.role = roles[i];
    next_look = std::min(next_look, LookAtLoop(heartbeat, loop, readings[i]));
  }
  return next_look;
}

HeartbeatTime ProcessLoops::LookAtLoop(const attach::Heartbeat& heartbeat, LoopWatch& loop, const SlotReading& reading,
                                       HeartbeatTime limit) {
  // After the reading, so that an iteration which it shows to be over is in what is drained.
  const attach::Heartbeat::Drained drained = heartbeat.Drain(reading.slot, tails_[reading.slot], limit);
  const HeartbeatTime now = MonotonicNow();
  if (!IsLoop(loop.role) || !IsChosenThread(tools_.options.loops, loop.facts()->thread)) {
    Forget(loop);
    DiscardPending(loop);
    return now + EffectiveCheckInterval(tools_.detector);
  }
  if (attach::ThreadLook* thread = loop.thread()) {
    loop.meter.Look(reading, *thread, now,
                    [&](const auto&) { return heartbeat.IsInIteration(reading.slot, reading.iteration); });
  }
  attach::Decision decision = loop.detector.Look(reading, drained.iterations, now);
  for (const attach::Iteration& iteration : decision.finished)
    loop.statistics.OnLongIteration(iteration.end - iteration.begin);
  if (const auto counts = heartbeat.ReadCounts(reading.slot); counts && !reading.left) {
    loop.statistics.OnCounts(*counts, now);
  }
  Lose(drained.lost + decision.impossible);
  if (reading.left) {
    decision.sample = decision.onset = decision.ongoing = false;
  }
  const bool over = IsOver(loop, decision, now);
  if (over) heartbeat.Retire(reading.slot);
  Act(heartbeat, loop, decision, now);
  if (over) CutShort(loop, "the loop was closed, or its thread ended, before the block did");
  return over ? now : decision.look_again_at;
}

bool ProcessLoops::IsOver(LoopWatch& loop, attach::Decision& decision, HeartbeatTime now) {
  if (!decision.sample && !decision.onset) return false;
  const LoopWatch::Presence presence = loop.FindPresence();
  if (presence == LoopWatch::Presence::kThere) return false;
  // What the thread does now is no iteration of it any more; those before were.
  decision.sample = decision.onset = decision.ongoing = false;
  return presence == LoopWatch::Presence::kClosed || loop.EndedAlone(now);
}

void ProcessLoops::Act(const attach::Heartbeat& heartbeat, LoopWatch& loop, const attach::Decision& decision,
                       HeartbeatTime now) {
  for (const attach::Iteration& iteration : decision.finished) {
    tools_.journal.Measured(KeyOf(loop, iteration), Measure(loop, iteration.begin, iteration.end));
  }
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
    tools_.journal.Onset(key, facts, now);
  }
  if (!decision.ongoing) return;
  tools_.journal.Measured(key, Measure(loop, key.begin, now));
  tools_.journal.Ongoing(key, facts, now);
}

BlockMeasure ProcessLoops::Measure(const LoopWatch& loop, HeartbeatTime begin, HeartbeatTime end) const {
  BlockMeasure measure = loop.meter.Measure(begin, end);
  measure.gil = FindAwaitedGil(*process_, measure.seen);
  return measure;
}

void ProcessLoops::TakeSample(const attach::Heartbeat& heartbeat, LoopWatch& loop) {
  attach::ThreadLook* thread = loop.thread();
  if (thread == nullptr) return;
  const BlockKey key = KeyOf(loop, loop.last());
  auto sample = tools_.sampler.Take(*process_, *thread);
  if (!loop.told_of) loop.told_of = {key.iteration, key.begin, false};
  if (!sample) {
    tools_.journal.Note(key, "a sample failed: " + sample.error().what);
    return;
  }
  if (sample->has_value()) loop.statistics.OnFreeze((*sample)->freeze);
  // If the iteration has ended since the look, what was copied may be of another one.
  if (!sample->has_value() || !heartbeat.IsInIteration(loop.last().slot, key.iteration)) return;
  (*sample)->lock = LookAtAwaitedLock(tools_.sampler, *process_, **sample, thread->thread().tid);
  tools_.journal.Sample(key, *loop.facts(), **std::move(sample));
}

void ProcessLoops::KeepPending(LoopWatch& loop) {
  while (loop.pending.size() > PYLEAK_RING_LENGTH) {
    tools_.journal.Discarded(KeyOf(loop, loop.pending.front()));
    loop.pending.erase(loop.pending.begin());
    ++tools_.lost_blocks;
  }
  // Its samples are kept with it: what is told of next is another iteration.
  const bool is_over = loop.told_of && std::ranges::any_of(loop.pending, [&](const attach::Iteration& iteration) {
                         return iteration.begin == loop.told_of->begin;
                       });
  if (is_over) loop.told_of.reset();
}

void ProcessLoops::DiscardPending(LoopWatch& loop) {
  for (const attach::Iteration& iteration : std::exchange(loop.pending, {})) {
    tools_.journal.Discarded(KeyOf(loop, iteration));
  }
}

void ProcessLoops::TellFinished(LoopWatch& loop, const attach::Iteration& iteration) {
  if (loop.told_of && loop.told_of->begin == iteration.begin) loop.told_of.reset();
  tools_.journal.Finished(KeyOf(loop, iteration), loop.facts(), iteration);
}

void ProcessLoops::Forget(LoopWatch& loop) {
  if (!loop.told_of) return;
  tools_.journal.Discarded(KeyOf(loop, *loop.told_of));
  loop.told_of.reset();
}

void ProcessLoops::CutShort(LoopWatch& loop, const std::string& note) {
  if (loop.told_of && loop.told_of->past_threshold) {
    const BlockKey key = KeyOf(loop, *loop.told_of);
    const HeartbeatTime now = MonotonicNow();
    tools_.journal.Measured(key, Measure(loop, key.begin, now));
    tools_.journal.CutShort(key, loop.facts(), now, note);
    loop.told_of.reset();
  }
  Forget(loop);
}

void ProcessLoops::CloseLoop(LoopWatch& loop, const std::string& note) {
  CutShort(loop, note);
  DiscardPending(loop);
  if (IsLoop(loop.role)) ++tools_.ended_loops;
  if (loop.role != WaitRole::kLoop || !IsChosenThread(tools_.options.loops, loop.facts()->thread)) return;
  if (tools_.options.stats_interval) TellStats(loop);
  tools_.journal.LoopEnded(loop.number(), TotalsOf(loop, loop.statistics.Total()));
}

void ProcessLoops::TellStats() {
  for (auto& [slot, loop] : loops_) {
    if (loop->role == WaitRole::kLoop && IsChosenThread(tools_.options.loops, loop->facts()->thread)) TellStats(*loop);
  }
}

void ProcessLoops::TellStats(LoopWatch& loop) {
  const HeartbeatTime now = MonotonicNow();
  LoopTotals totals = TotalsOf(loop, loop.statistics.TakeInterval());
  tools_.journal.Stats(loop.number(), {Now(), now - std::exchange(loop.stats_told_at, now), std::move(totals)});
}

void ProcessLoops::MarkLeft(const BlockKey& key) {
  for (auto& [slot, loop] : loops_) {
    if (loop->number() == key.loop) loop->MarkLeft(key.begin);
  }
}

bool ProcessLoops::HasLoop() const {
  return std::ranges::any_of(loops_, [](const auto& entry) { return IsLoop(entry.second->role); });
}

void ProcessLoops::Close(const std::string& note) {
  for (auto& [slot, loop] : loops_) CloseLoop(*loop, note);
  loops_.clear();
}

}  // namespace pyleak::cli
