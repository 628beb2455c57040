#include "cli/watch/journal_thread.h"

#include <utility>

#include "attach/base/file.h"
#include "attach/proc/living_thread.h"
#include "attach/trace/call_object.h"

namespace pyleak::cli {

using attach::HeartbeatTime;

JournalThread::JournalThread(const WatchOptions& options, Reporter& reporter, const Alarm& alarm)
    : journal_(options, reporter,
               {.left_loop =
                    [this](const BlockKey& key) {
                      const std::lock_guard lock(verdicts_mutex_);
                      verdicts_.left_loops.push_back(key);
                    },
                .no_loop =
                    [this](const BlockKey& key) {
                      const std::lock_guard lock(verdicts_mutex_);
                      verdicts_.no_loops.push_back(key);
                    },
                .identified =
                    [this](std::uint64_t loop, const LoopIdentity& identity) {
                      const std::lock_guard lock(verdicts_mutex_);
                      verdicts_.identified.emplace_back(loop, identity);
                    },
                .stop =
                    [this, &alarm](EndReason reason) {
                      stop_ = static_cast<int>(reason);
                      alarm.Ring();
                    }}) {}

void JournalThread::Sample(const BlockKey& key, const LoopFacts& loop, RawSample sample) {
  const WatchedProcess& process = *loop.process;
  attach::CallObject object = attach::ObjectOfCall(sample.activity, process.memory(), process.identity());
  auto shared = std::make_shared<RawSample>(std::move(sample));
  worker_.Post([this, key, shared, object = std::move(object)] { journal_.OnSample(key, std::move(*shared), object); });
}

void JournalThread::Identify(std::uint64_t loop, const Facts& facts, RawSample sample) {
  auto shared = std::make_shared<RawSample>(std::move(sample));
  worker_.Post([this, loop, facts, shared] { journal_.OnIdentify(loop, facts, *shared); });
}

void JournalThread::Gone(std::uint64_t loop) {
  worker_.Post([this, loop] { journal_.OnGone(loop); });
}

void JournalThread::Note(const BlockKey& key, const std::string& note) {
  worker_.Post([this, key, note] { journal_.OnNote(key, note); });
}

void JournalThread::Measured(const BlockKey& key, BlockMeasure measure) {
  worker_.Post([this, key, measure = std::move(measure)]() mutable { journal_.OnMeasured(key, std::move(measure)); });
}

void JournalThread::Discarded(const BlockKey& key) {
  worker_.Post([this, key] { journal_.OnDiscarded(key); });
}

void JournalThread::Onset(const BlockKey& key, const Facts& loop, HeartbeatTime now) {
  worker_.Post([this, key, loop, now] { journal_.OnOnset(key, loop, now); });
}

void JournalThread::Ongoing(const BlockKey& key, const Facts& loop, HeartbeatTime now) {
  worker_.Post([this, key, loop, now] { journal_.OnOngoing(key, loop, now); });
}

void JournalThread::Finished(const BlockKey& key, const Facts& loop, const attach::Iteration& iteration) {
  worker_.Post([this, key, loop, iteration] { journal_.OnFinished(key, loop, iteration); });
}

void JournalThread::CutShort(const BlockKey& key, const Facts& loop, HeartbeatTime now, const std::string& note) {
  worker_.Post([this, key, loop, now, note] { journal_.OnCutShort(key, loop, now, note); });
}

void JournalThread::Stats(std::uint64_t loop, LoopStats stats) {
  worker_.Post([this, loop, stats = std::move(stats)] { journal_.OnStats(loop, stats); });
}

void JournalThread::LoopEnded(std::uint64_t loop, LoopTotals totals) {
  worker_.Post([this, loop, totals = std::move(totals)] { journal_.OnLoopEnded(loop, totals); });
}

void JournalThread::Warn(const Warning& warning) {
  worker_.Post([this, warning] { journal_.OnWarning(warning); });
}

void JournalThread::Tick() {
  worker_.Post([this] { journal_.OnTick(); });
}

JournalThread::Verdicts JournalThread::TakeVerdicts() {
  const std::lock_guard lock(verdicts_mutex_);
  return std::exchange(verdicts_, {});
}

std::optional<EndReason> JournalThread::reason_to_stop() const {
  const int reason = stop_;
  return reason < 0 ? std::nullopt : std::optional(static_cast<EndReason>(reason));
}

const BlockJournal& JournalThread::Finish() {
  worker_.Drain();
  return journal_;
}

}  // namespace pyleak::cli
