#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/watch/alarm.h"
#include "cli/watch/block_journal.h"
#include "cli/watch/worker.h"

namespace pyleak::cli {

/// The journal in a thread of its own: what is told to it here returns at once, and is taken in in this order.
class JournalThread {
 public:
  using Facts = std::shared_ptr<const LoopFacts>;

  /// `alarm` rings when the journal wants the watch to stop. All three outlive it.
  JournalThread(const WatchOptions& options, Reporter& reporter, const Alarm& alarm);

  /// Whose code called the wait that the thread was copied in: the answer is among the verdicts.
  void Identify(std::uint64_t loop, const Facts& facts, RawSample sample);
  /// Nothing more will be told of a loop that was watched from outside.
  void Gone(std::uint64_t loop);
  /// What the sample's system call works on is asked here and now, before it can be closed.
  void Sample(const BlockKey& key, const LoopFacts& loop, RawSample sample);
  void Note(const BlockKey& key, const std::string& note);
  void Measured(const BlockKey& key, BlockMeasure measure);
  void Discarded(const BlockKey& key);
  void Onset(const BlockKey& key, const Facts& loop, attach::HeartbeatTime now);
  void Ongoing(const BlockKey& key, const Facts& loop, attach::HeartbeatTime now);
  void Finished(const BlockKey& key, const Facts& loop, const attach::Iteration& iteration);
  void CutShort(const BlockKey& key, const Facts& loop, attach::HeartbeatTime now, const std::string& note);
  void Stats(std::uint64_t loop, LoopStats stats);
  void LoopEnded(std::uint64_t loop, LoopTotals totals);
  void Warn(const Warning& warning);
  /// About once a second.
  void Tick();

  struct Verdicts {
    std::vector<BlockKey> left_loops;  ///< Iterations during which the code that runs the loop was not on the stack.
    std::vector<BlockKey> no_loops;    ///< Threads that are not known to run a loop, and whose stacks show none either.
    std::vector<std::pair<std::uint64_t, LoopIdentity>> identified;
  };
  /// What stacks have shown since the last call.
  Verdicts TakeVerdicts();
  [[nodiscard]] std::optional<EndReason> reason_to_stop() const;
  /// The journal, when all that was told to it so far has been taken in. Nothing more may be told to it then.
  const BlockJournal& Finish();

 private:
  std::mutex verdicts_mutex_;
  Verdicts verdicts_;          ///< Guarded by verdicts_mutex_.
  std::atomic<int> stop_{-1};  ///< An EndReason.
  BlockJournal journal_;       ///< Used by worker_ only, until Finish.
  Worker worker_;              ///< Last: its end comes before that of all it uses.
};

}  // namespace pyleak::cli
