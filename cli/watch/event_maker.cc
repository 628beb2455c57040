#include "cli/watch/event_maker.h"

#include <algorithm>

#include "cli/explain/cause.h"
#include "cli/report/sample_spread.h"

namespace pyleak::cli {
namespace {

std::vector<Sample> DistinctSamples(const std::vector<NamedSample>& named, attach::HeartbeatTime begin) {
  std::vector<Sample> distinct;
  for (const NamedSample& sample : named) {
    const auto at = sample.taken_at - begin;
    const auto same = std::ranges::find_if(
        distinct, [&](const Sample& other) { return IsSamePlace(other.blocking_stack, sample.stacks.blocking); });
    if (same != distinct.end()) {
      ++same->count;
      same->last_at = at;
    } else {
      distinct.push_back({1, at, at, sample.stacks.blocking});
    }
  }
  return distinct;
}

/// The sample whose stack stands for all: the latest while the block lasts, in the end the heaviest.
const NamedSample& Representative(const std::vector<NamedSample>& samples, bool ongoing) {
  if (ongoing) return samples.back();
  std::vector<SeenStack> seen;
  for (const NamedSample& sample : samples) seen.push_back({&sample.stacks.blocking, 1});
  return samples[SpreadOf(seen).heaviest];
}

void AddNotes(const std::vector<std::string>& from, std::vector<std::string>& to) {
  for (const std::string& note : from) {
    if (std::ranges::find(to, note) == to.end()) to.push_back(note);
  }
}

BlockEvidence EvidenceOf(const BlockEvent& event, const LoopFacts& loop, const std::vector<NamedSample>& samples,
                         const NamedSample* representative, const BlockMeasure& measure) {
  BlockEvidence evidence;
  evidence.duration = event.duration;
  evidence.ongoing = event.ongoing;
  evidence.loop_kind = loop.kind.name;
  for (const NamedSample& sample : samples) evidence.samples.push_back(sample.evidence);
  if (representative != nullptr) evidence.stack = &representative->stacks.blocking;
  evidence.measure = measure;
  return evidence;
}

}  // namespace

BlockEvent MakeBlockEvent(const BlockFacts& block, const LoopFacts& loop, const std::vector<NamedSample>& samples,
                          const BlockMeasure& measure, const std::vector<std::string>& notes) {
  BlockEvent event;
  event.block_id = block.block_id;
  event.duration = block.end - block.begin;
  event.threshold = block.threshold;
  event.timestamp = Timestamp(block.begin + block.realtime_offset);
  event.ongoing = block.ongoing;
  event.thread = loop.thread;
  event.loop = loop.loop;
  event.loop.iteration = block.iteration;
  event.capture.notes = notes;
  const NamedSample* const shown = samples.empty() ? nullptr : &Representative(samples, block.ongoing);
  event.cause = ExplainBlock(EvidenceOf(event, loop, samples, shown, measure));
  if (shown == nullptr) {
    AddNotes({"no stack: no sample was taken while the block lasted"}, event.capture.notes);
    return event;
  }
  for (const NamedSample& sample : samples) {
    event.capture.freezes.push_back(sample.freeze);
    AddNotes(sample.stacks.blocking.notes, event.capture.notes);
  }
  if (shown->stacks.task) event.task = {shown->stacks.task->name, shown->stacks.task->coroutine};
  event.blocking_stack = shown->stacks.blocking;
  event.native_stack = shown->stacks.native;
  event.samples = DistinctSamples(samples, block.begin);
  event.capture.after = samples.front().taken_at - block.begin;
  event.capture.complete = shown->stacks.native.complete && shown->stacks.python.complete;
  return event;
}

Timestamp Now() { return std::chrono::system_clock::now(); }

std::chrono::nanoseconds RealtimeOffset() {
  return std::chrono::system_clock::now().time_since_epoch() - std::chrono::steady_clock::now().time_since_epoch();
}

}  // namespace pyleak::cli
