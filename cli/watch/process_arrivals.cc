#include "cli/watch/process_arrivals.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "cli/loop_choice.h"
#include "cli/watch/awaited_lock.h"

namespace pyleak::cli {

using attach::HeartbeatTime;
using attach::SlotReading;

namespace {

BlockKey KeyOf(const Arrival& arrival) { return {arrival.number(), arrival.out_since(), 0}; }

}  // namespace

void ProcessArrivals::Add(const std::shared_ptr<WatchedProcess>& process) {
  auto threads = Arrival::AllThreads(process, tools_.detector, tools_.next_loop);
  std::erase_if(threads,
                [this](const auto& thread) { return !IsChosenThread(tools_.options.loops, thread->facts()->thread); });
  std::ranges::move(threads, std::back_inserter(arrivals_));
}

bool ProcessArrivals::AreSettled() {
  return std::ranges::all_of(arrivals_, [](const auto& arrival) { return arrival->IsSettled(); });
}

HeartbeatTime ProcessArrivals::Look(std::span<const SlotReading> readings) {
  HeartbeatTime next_look = HeartbeatTime::max();
  for (auto& arrival : arrivals_) {
    const HeartbeatTime now = MonotonicNow();
    const BlockKey key = KeyOf(*arrival);
    const Arrival::Finding finding = arrival->Look(readings, now);
    if (finding.decision) {
      Act(*arrival, *finding.decision, now);
      next_look = std::min(next_look, finding.decision->look_again_at);
    }
    next_look = std::min(next_look, now + arrival->interval(now));
    if (finding.finished) TellFinished(*arrival, *finding.finished);
    if (!finding.over) continue;
    tools_.journal.Discarded(key);
    arrival.reset();
  }
  std::erase(arrivals_, nullptr);
  return next_look;
}

void ProcessArrivals::TellFinished(const Arrival& arrival, const attach::Iteration& work) {
  const BlockKey key{arrival.number(), work.begin, 0};
  if (work.end - work.begin >= tools_.options.threshold) {
    tools_.journal.Finished(key, arrival.facts(), work);
  } else {
    tools_.journal.Discarded(key);
  }
}

void ProcessArrivals::Act(Arrival& arrival, const attach::Decision& decision, HeartbeatTime now) {
  const BlockKey key = KeyOf(arrival);
  if (decision.sample) TakeSample(arrival, key);
  if (decision.onset) tools_.journal.Onset(key, arrival.facts(), now);
  if (decision.ongoing) tools_.journal.Ongoing(key, arrival.facts(), now);
}

void ProcessArrivals::TakeSample(Arrival& arrival, const BlockKey& key) {
  WatchedProcess& process = *arrival.facts()->process;
  attach::ThreadLook& thread = arrival.thread();
  // Any of its threads may be one that never had a loop: who sleeps is not stopped for that. The first thread is where
  // a loop most often is, and a full copy worth a stop.
  std::optional<RawSample> sample;
  if (thread.thread().tid != process.pid()) sample = tools_.sampler.CopySleeping(process, thread);
  if (!sample) {
    auto taken = tools_.sampler.Take(process, thread);
    if (taken) {
      sample = *std::move(taken);
    } else {
      tools_.journal.Note(key, "a sample failed: " + taken.error().what);
    }
  }
  if (!sample) return;
  sample->lock = LookAtAwaitedLock(tools_.sampler, process, *sample, thread.thread().tid);
  tools_.journal.Note(key, arrival.Note());
  tools_.journal.Sample(key, *arrival.facts(), *std::move(sample));
}

void ProcessArrivals::Dismiss(std::uint64_t number) {
  for (auto& arrival : arrivals_) {
    if (arrival->number() == number) arrival->Dismiss();
  }
}

void ProcessArrivals::Close(const std::string& note) {
  for (const auto& arrival : arrivals_) {
    if (arrival->out_since() == HeartbeatTime{}) continue;
    const BlockKey key = KeyOf(*arrival);
    const HeartbeatTime now = MonotonicNow();
    if (now - key.begin >= tools_.options.threshold) tools_.journal.CutShort(key, arrival->facts(), now, note);
  }
  arrivals_.clear();
}

}  // namespace pyleak::cli
