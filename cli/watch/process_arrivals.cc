#include "cli/watch/process_arrivals.h"

#include <algorithm>
#include <utility>

#include "attach/proc/thread_list.h"
#include "cli/loop_choice.h"
#include "cli/watch/awaited_lock.h"

namespace pyleak::cli {

using attach::HeartbeatTime;
using attach::SlotReading;

namespace {

constexpr std::size_t kMostThreads = 256;
/// How often threads that are new are looked for where only looks will tell of them.
constexpr std::chrono::milliseconds kListingInterval(100);

BlockKey KeyOf(const Arrival& arrival) { return {arrival.number(), arrival.out_since(), 0}; }

}  // namespace

void ProcessArrivals::Add(const std::shared_ptr<WatchedProcess>& process) {
  process_ = process;
  AddNew(MonotonicNow());
}

void ProcessArrivals::AddNew(HeartbeatTime now) {
  next_listing_ = now + kListingInterval;
  for (const int tid : attach::ListThreads(process_->pid(), kMostThreads)) {
    if (arrivals_.size() >= kMostThreads) return;
    const auto is_it = [tid](const auto& arrival) { return arrival->facts()->thread.tid == tid; };
    if (others_.contains(tid) || std::ranges::any_of(arrivals_, is_it)) continue;
    auto arrival = Arrival::Find(tid, tools_.next_loop, process_, tools_.detector, stays_);
    if (!arrival) continue;
    ++tools_.next_loop;
    if (IsChosenThread(tools_.options.loops, arrival->facts()->thread)) {
      arrivals_.push_back(std::move(arrival));
    } else {
      others_.insert(tid);
    }
  }
}

void ProcessArrivals::Stay() {
  stays_ = true;
  for (auto& arrival : arrivals_) arrival->Stay();
}

bool ProcessArrivals::AreSettled() {
  return std::ranges::all_of(arrivals_, [this](const auto& arrival) {
    if (arrival->IsToBeIdentified()) Identify(*arrival);
    return arrival->IsSettled() && !arrival->IsToBeIdentified();
  });
}

bool ProcessArrivals::HasLoop() const {
  return std::ranges::any_of(arrivals_, [](const auto& arrival) { return arrival->HasLoop(); });
}

HeartbeatTime ProcessArrivals::Look(std::span<const SlotReading> readings) {
  HeartbeatTime next_look = HeartbeatTime::max();
  if (stays_ && MonotonicNow() >= next_listing_) AddNew(MonotonicNow());
  if (stays_) next_look = next_listing_;
  for (auto& arrival : arrivals_) {
    const HeartbeatTime now = MonotonicNow();
    if (stays_ && now < arrival->due()) {
      next_look = std::min(next_look, arrival->due());
      continue;
    }
    const BlockKey key = KeyOf(*arrival);
    const Arrival::Finding finding = arrival->Look(readings, now);
    if (finding.decision) {
      Act(*arrival, *finding.decision, now);
      next_look = std::min(next_look, finding.decision->look_again_at);
    }
    next_look = std::min(next_look, arrival->due());
    // First, so that the block has the loop's name.
    if (arrival->IsToBeIdentified()) Identify(*arrival);
    if (finding.finished) TellFinished(*arrival, *finding.finished);
    if (!finding.over) continue;
    tools_.journal.Discarded(key);
    tools_.journal.Gone(arrival->number());
    arrival.reset();
  }
  std::erase(arrivals_, nullptr);
  if (stays_) Judge();
  return next_look;
}

void ProcessArrivals::Judge() {
  std::vector<SlotReading> readings;
  for (const auto& arrival : arrivals_) {
    for (const SeenWait& wait : arrival->waits().all()) readings.push_back(wait.reading);
  }
  const std::vector<attach::WaitRole> roles = FindLoops(readings);
  std::span<const attach::WaitRole> rest(roles);
  for (const auto& arrival : arrivals_) {
    const std::size_t count = arrival->waits().all().size();
    const BlockKey key = KeyOf(*arrival);
    if (!arrival->Judge(rest.first(count), MonotonicNow())) tools_.journal.Discarded(key);
    rest = rest.subspan(count);
  }
}

void ProcessArrivals::Identify(Arrival& arrival) {
  // It sleeps, and is not disturbed.
  if (auto sample = tools_.sampler.CopySleeping(*process_, arrival.thread())) {
    arrival.ExpectIdentification();
    tools_.journal.Identify(arrival.number(), arrival.facts(), *std::move(sample));
  }
}

void ProcessArrivals::TellFinished(const Arrival& arrival, const attach::Iteration& work) {
  const BlockKey key{arrival.number(), work.begin, 0};
  if (work.end - work.begin >= tools_.options.threshold) {
    if (stays_) tools_.journal.Measured(key, arrival.meter().Measure(work.begin, work.end));
    tools_.journal.Note(key, arrival.Note());
    tools_.journal.Finished(key, arrival.facts(), work);
  } else {
    tools_.journal.Discarded(key);
  }
}

void ProcessArrivals::Act(Arrival& arrival, const attach::Decision& decision, HeartbeatTime now) {
  const BlockKey key = KeyOf(arrival);
  if (decision.sample) TakeSample(arrival, key);
  if (decision.onset) tools_.journal.Onset(key, arrival.facts(), now);
  if (!decision.ongoing) return;
  if (stays_) tools_.journal.Measured(key, arrival.meter().Measure(key.begin, now));
  tools_.journal.Ongoing(key, arrival.facts(), now);
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

void ProcessArrivals::Take(const JournalThread::Verdicts& verdicts) {
  for (const BlockKey& key : verdicts.no_loops) {
    // Meanwhile it may have become known.
    Arrival* arrival = ByNumber(key.loop);
    if (arrival != nullptr && arrival->facts()->only_if_known) arrival->Dismiss();
  }
  for (const BlockKey& key : verdicts.left_loops) {
    if (Arrival* arrival = ByNumber(key.loop); arrival != nullptr && arrival->out_since() == key.begin) {
      arrival->MarkLeft();
    }
  }
  for (const auto& [loop, identity] : verdicts.identified) {
    if (Arrival* arrival = ByNumber(loop)) arrival->Identify(identity);
  }
}

Arrival* ProcessArrivals::ByNumber(std::uint64_t number) {
  const auto found = std::ranges::find_if(arrivals_, [&](const auto& arrival) { return arrival->number() == number; });
  return found == arrivals_.end() ? nullptr : found->get();
}

void ProcessArrivals::Close(const std::string& note) {
  for (const auto& arrival : arrivals_) {
    if (arrival->out_since() == HeartbeatTime{}) continue;
    const BlockKey key = KeyOf(*arrival);
    const HeartbeatTime now = MonotonicNow();
    if (stays_) tools_.journal.Measured(key, arrival->meter().Measure(key.begin, now));
    if (now - key.begin >= tools_.options.threshold) tools_.journal.CutShort(key, arrival->facts(), now, note);
  }
  arrivals_.clear();
}

}  // namespace pyleak::cli
