#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "cli/options.h"
#include "cli/report/reporter.h"
#include "cli/watch/alarm.h"
#include "cli/watch/arrival.h"
#include "cli/watch/block_journal.h"
#include "cli/watch/loop_watch.h"
#include "cli/watch/process_source.h"
#include "cli/watch/sampler.h"
#include "cli/watch/worker.h"

namespace pyleak::cli {

/// Looks at the loops of all processes of a source, each at its own deadline, samples those that are late, and tells
/// a journal, which makes the events in a thread of its own.
class Watch {
 public:
  Watch(const WatchOptions& options, ProcessSource& source, Reporter& reporter, const Alarm& alarm);

  /// Looks at what the source has now: from then on nothing of it is missed. Run does the same for what comes later.
  void TakeNewProcesses();

  /// From now until the target ends, or a signal, --duration or --max-blocks ends the watch. What the reporter is told
  /// at the end.
  WatchEnded Run();

 private:
  struct Watched {
    FoundProcess found;
    std::map<std::uint32_t, std::unique_ptr<LoopWatch>> loops;  ///< By slot.
    std::vector<std::unique_ptr<Arrival>> arrivals;             ///< Threads that are in no slot yet.
  };

  /// Looks at every process; the time of the next look.
  attach::HeartbeatTime LookAtAll();
  attach::HeartbeatTime LookAt(Watched& watched);
  /// What the process's slots say, with what is known of their loops.
  std::vector<attach::SlotReading> ReadLoops(Watched& watched);
  /// Waits that are over are no loops, and hide none.
  void RetireClosed(Watched& watched, std::vector<attach::SlotReading>& readings);
  attach::HeartbeatTime LookAtLoop(Watched& watched, LoopWatch& loop, const attach::SlotReading& reading);
  attach::HeartbeatTime LookAtArrivals(Watched& watched, const std::vector<attach::SlotReading>& readings);
  void Act(Arrival& arrival, const attach::Decision& decision, attach::HeartbeatTime now);
  void TakeSample(Arrival& arrival, const BlockKey& key);
  void TellFinished(const Arrival& arrival, const attach::Iteration& work);
  void Act(const attach::Heartbeat& heartbeat, LoopWatch& loop, const attach::Decision& decision,
           attach::HeartbeatTime now);
  void TakeSample(const attach::Heartbeat& heartbeat, LoopWatch& loop);
  void PostSample(const BlockKey& key, const LoopFacts& loop, RawSample sample);
  void TellFinished(LoopWatch& loop, const attach::Iteration& iteration);
  void KeepPending(LoopWatch& loop);
  void Discard(const LoopWatch& loop, const attach::Iteration& iteration);
  void Forget(LoopWatch& loop);
  void CloseLoop(LoopWatch& loop, const std::string& note);
  /// The process has ended: what its heartbeat holds is read for the last time.
  void CloseProcess(Watched& watched, const std::string& note);
  /// What the journal has found out from stacks.
  void TakeVerdicts();
  void WarnIfNoLoop();
  [[nodiscard]] std::optional<EndReason> ReasonToEnd();
  [[nodiscard]] WatchEnded Summary(EndReason reason);

  const WatchOptions& options_;
  const attach::DetectorOptions detector_options_;
  ProcessSource& source_;
  Reporter& reporter_;
  const Alarm& alarm_;
  attach::HeartbeatTime started_;
  std::vector<std::unique_ptr<Watched>> processes_;
  std::vector<std::unique_ptr<LoopWatch>> closed_;  ///< For the totals.
  std::uint64_t next_loop_ = 1;
  std::uint64_t lost_blocks_ = 0;
  bool warned_of_no_loop_ = false;
  Sampler sampler_;

  std::mutex verdicts_mutex_;
  std::vector<BlockKey>
      left_loops_;  ///< Guarded by verdicts_mutex_, as is the next: the journal's thread adds to them.
  std::vector<BlockKey> no_loops_;
  std::atomic<int> stop_{-1};  ///< An EndReason, from the journal.
  BlockJournal journal_;       ///< Used by worker_ only, but for its end.
  Worker worker_;              ///< Last: its end comes before that of all it uses.
};

}  // namespace pyleak::cli
