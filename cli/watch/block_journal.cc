#include "cli/watch/block_journal.h"

#include <algorithm>
#include <utility>

#include "cli/loop_choice.h"
#include "cli/watch/awaited_lock.h"
#include "symbolize/collection.h"

namespace pyleak::cli {

using attach::HeartbeatTime;
using LoopPointer = std::shared_ptr<const LoopFacts>;

namespace {

/// The summary of a watch stays as small as this, however many processes come and go.
constexpr std::size_t kMostEndedLoops = 1000;

AwaitedLock Name(const LoopFacts& loop, const RawLock& raw) {
  AwaitedLock lock{raw.kind, raw.place, {}};
  if (!raw.holder) return lock;
  lock.holder = Holder{.tid = raw.holder->tid, .name = raw.holder->name};
  if (const auto& sample = raw.holder->sample) {
    lock.holder->stack =
        loop.process->symbols().Name(sample->stack, sample->interpreter.get(), sample->python).blocking;
    lock.holder->freeze = sample->freeze;
  }
  return lock;
}

std::optional<std::string> CollectionOf(const RawSample& raw, const symbolize::Stack& native) {
  const auto& collection = raw.python.collection;
  if (!collection || !IsCollecting(raw.stack, *collection)) return symbolize::CollectionOfV8(native);
  return "generation " + std::to_string(collection->generation);
}

NamedSample Name(const LoopFacts& loop, const RawSample& raw, const attach::CallObject& object) {
  NamedSample sample;
  sample.taken_at = raw.taken_at;
  sample.freeze = raw.freeze;
  sample.stacks = loop.process->symbols().Name(raw.stack, raw.interpreter.get(), raw.python);
  sample.evidence = {raw.activity, object, {}};
  const bool is_lock = raw.lock && (raw.lock->kind != LockKind::kMutex || IsMutexWait(sample.stacks.native));
  if (is_lock) sample.evidence.lock = Name(loop, *raw.lock);
  sample.evidence.collection = CollectionOf(raw, sample.stacks.native);
  return sample;
}

}  // namespace

BlockJournal::BlockJournal(const WatchOptions& options, Reporter& reporter, Callbacks callbacks)
    : options_(options), reporter_(reporter), callbacks_(std::move(callbacks)) {}

void BlockJournal::OnSample(const BlockKey& key, RawSample sample, attach::CallObject object) {
  entries_[key].raw.emplace_back(std::move(sample), std::move(object));
}

void BlockJournal::OnIdentify(std::uint64_t loop, const LoopPointer& facts, const RawSample& sample) {
  ProcessSymbols& symbols = facts->process->symbols();
  const NamedStacks stacks = symbols.Name(sample.stack, sample.interpreter.get(), sample.python);
  const symbolize::WaitCaller caller = symbols.CallerOfWait(stacks.native);
  const LoopIdentity identity{symbolize::IdentifyLoop(caller, stacks.python), caller};
  identities_[loop] = identity;
  callbacks_.identified(loop, identity);
}

void BlockJournal::OnGone(std::uint64_t loop) {
  identities_.erase(loop);
  totals_.erase(loop);
}

void BlockJournal::OnNote(const BlockKey& key, const std::string& note) { entries_[key].notes.push_back(note); }

void BlockJournal::OnMeasured(const BlockKey& key, BlockMeasure measure) { entries_[key].measure = std::move(measure); }

void BlockJournal::OnDiscarded(const BlockKey& key) { entries_.erase(key); }

void BlockJournal::OnOnset(const BlockKey& key, const LoopPointer& loop, HeartbeatTime now) {
  LoopFacts facts = *loop;
  Entry& entry = entries_[key];
  if (!Admit(key, entry, facts)) return;
  Onset onset{now - key.begin, options_.threshold, Now(), facts.thread};
  if (!entry.named.empty()) onset.stack = entry.named.back().stacks.blocking;
  reporter_.OnOnset(onset);
}

void BlockJournal::OnOngoing(const BlockKey& key, const LoopPointer& loop, HeartbeatTime now) {
  LoopFacts facts = *loop;
  Entry& entry = entries_[key];
  if (Admit(key, entry, facts)) Tell(key, entry, facts, now, true);
}

void BlockJournal::OnFinished(const BlockKey& key, const LoopPointer& loop, const attach::Iteration& iteration) {
  TellLast(key, *loop, iteration.end, false);
}

void BlockJournal::OnCutShort(const BlockKey& key, const LoopPointer& loop, HeartbeatTime now,
                              const std::string& note) {
  entries_[key].notes.push_back(note);
  TellLast(key, *loop, now, true);
}

void BlockJournal::OnStats(std::uint64_t loop, LoopStats stats) {
  if (!IsChosenKind(options_.loops, stats.totals.loop.kind)) return;
  Totals& totals = totals_[loop];
  stats.totals.figures.blocks = totals.blocks - std::exchange(totals.blocks_told, totals.blocks);
  stats.totals.figures.blocked = totals.blocked - std::exchange(totals.blocked_told, totals.blocked);
  reporter_.OnStats(stats);
}

void BlockJournal::OnLoopEnded(std::uint64_t loop, LoopTotals totals) {
  if (const auto node = totals_.extract(loop)) {
    totals.figures.blocks = node.mapped().blocks;
    totals.figures.blocked = node.mapped().blocked;
  }
  if (!IsChosenKind(options_.loops, totals.loop.kind) && totals.figures.blocks == 0) return;
  ended_loops_.push_back(std::move(totals));
  if (ended_loops_.size() > kMostEndedLoops) {
    const auto blocked = [](const LoopTotals& ended) { return ended.figures.blocked; };
    ended_loops_.erase(std::ranges::min_element(ended_loops_, {}, blocked));
  }
}

void BlockJournal::OnTick() { reporter_.OnTick(); }

void BlockJournal::OnWarning(const Warning& warning) { reporter_.OnWarning(warning); }

void BlockJournal::NameSamples(Entry& entry, const LoopFacts& loop) {
  for (const auto& [raw, object] : entry.raw) entry.named.push_back(Name(loop, raw, object));
  entry.raw.clear();
}

bool BlockJournal::Admit(const BlockKey& key, Entry& entry, LoopFacts& loop) {
  NameSamples(entry, loop);
  if (entry.filtered) return false;
  // The watch may have told of the block before it knew.
  if (const auto found = identities_.find(key.loop); found != identities_.end()) {
    loop.kind = found->second.kind;
    loop.loop.kind = loop.kind.name;
    loop.caller = found->second.caller;
    if (loop.kind.verdict == symbolize::LoopKind::Verdict::kLoop) loop.only_if_known = false;
  }
  // A loop that has never been seen to sleep may be known by what runs in it.
  if (loop.kind.verdict == symbolize::LoopKind::Verdict::kUnknown && !entry.named.empty()) {
    const NamedStacks& stacks = entry.named.front().stacks;
    if (auto kind = LoopOfStack(stacks.native, stacks.python)) loop.loop.kind = loop.kind.name = *std::move(kind);
  }
  if (entry.block_id != 0) return true;  // until then more may become known of its loop
  if (loop.only_if_known) {
    if (entry.named.empty()) return false;  // the next sample may tell
    const NamedStacks& stacks = entry.named.front().stacks;
    if (!LoopOfStack(stacks.native, stacks.python)) {
      callbacks_.no_loop(key);
      return false;
    }
  }
  if (!entry.named.empty()) {
    const NamedStacks& stacks = entry.named.front().stacks;
    if (IsLoopOnStack(loop.kind, loop.caller, stacks.native, stacks.python) == symbolize::LoopOnStack::kNo) {
      entry.filtered = true;
      callbacks_.left_loop(key);
      return false;
    }
  }
  if (!IsChosenKind(options_.loops, loop.loop.kind) || !PassesFilters(entry)) {
    entry.filtered = true;
    return false;
  }
  return true;
}

bool BlockJournal::PassesFilters(const Entry& entry) const {
  if (options_.callers.empty() && options_.ignored.empty()) return true;
  if (entry.named.empty()) return options_.callers.empty();
  const symbolize::Stack& stack = entry.named.front().stacks.blocking;
  const auto has_caller = [&](const FrameFilter& filter) { return HasCaller(stack, filter); };
  if (!options_.callers.empty() && std::ranges::none_of(options_.callers, has_caller)) return false;
  const symbolize::Frame* innermost = InnermostUserFrame(stack);
  return innermost == nullptr ||
         std::ranges::none_of(options_.ignored, [&](const FrameFilter& filter) { return filter.Matches(*innermost); });
}

BlockEvent BlockJournal::MakeEvent(const BlockKey& key, Entry& entry, const LoopFacts& loop, HeartbeatTime end,
                                   bool ongoing) {
  if (entry.block_id == 0) entry.block_id = next_block_id_++;
  const BlockFacts facts{entry.block_id, key.iteration, key.begin, end, ongoing, options_.threshold, RealtimeOffset()};
  return MakeBlockEvent(facts, loop, entry.named, entry.measure, entry.notes);
}

void BlockJournal::Tell(const BlockKey& key, Entry& entry, const LoopFacts& loop, HeartbeatTime end, bool ongoing) {
  reporter_.OnStillBlocked(MakeEvent(key, entry, loop, end, ongoing));
  if (reporter_.ReaderHasGone()) callbacks_.stop(EndReason::kReaderGone);
}

void BlockJournal::TellLast(const BlockKey& key, LoopFacts loop, HeartbeatTime end, bool ongoing) {
  auto node = entries_.extract(key);
  Entry entry = node ? std::move(node.mapped()) : Entry{};
  // After the last block that was asked for, what comes before the watch has stopped is not told.
  if (options_.max_blocks && blocks_ >= *options_.max_blocks) return;
  if (!Admit(key, entry, loop)) return;
  reporter_.OnBlock(MakeEvent(key, entry, loop, end, ongoing));
  const std::chrono::nanoseconds duration = end - key.begin;
  ++blocks_;
  blocked_ += duration;
  Totals& totals = totals_[key.loop];
  ++totals.blocks;
  totals.blocked += duration;
  if (options_.max_blocks && blocks_ >= *options_.max_blocks) callbacks_.stop(EndReason::kMaxBlocks);
  if (reporter_.ReaderHasGone()) callbacks_.stop(EndReason::kReaderGone);
}

}  // namespace pyleak::cli
