#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cli/watch/loop_watch.h"
#include "cli/watch/watch_tools.h"

namespace pyleak::cli {

/// The waits of one process that have a slot in its heartbeat, and the blocks of those that are loops.
class ProcessLoops {
 public:
  ProcessLoops(std::shared_ptr<WatchedProcess> process, WatchTools& tools)
      : process_(std::move(process)), tools_(tools) {}

  /// What the slots say, with what is known of their loops.
  std::vector<attach::SlotReading> Read(const attach::Heartbeat& heartbeat);
  /// Samples what is late and tells what has ended; `readings` as Read has just given them. The time of the next look.
  attach::HeartbeatTime Look(const attach::Heartbeat& heartbeat, std::span<const attach::SlotReading> readings);

  /// The iteration of the loop with that number that began then is none.
  void MarkLeft(const BlockKey& key);

  /// Some wait is a loop's now.
  [[nodiscard]] bool HasLoop() const;

  /// Tells what each loop has done since this was last told.
  void TellStats();

  /// The process has ended, or the watch.
  void Close(const std::string& note);

 private:
  /// What the slot of a loop had counted when the loop was over.
  struct Ended {
    std::uint64_t key = 0;
    attach::SlotCounts counts;
  };

  std::unique_ptr<LoopWatch> MakeLoop(const attach::Heartbeat& heartbeat, const attach::SlotReading& reading);
  /// They are counted only.
  void Lose(std::uint64_t blocks);
  /// Blocks of waits that are over, or have just begun anew.
  void TellUnread(const attach::Heartbeat& heartbeat, std::span<const attach::SlotReading> readings);
  /// Waits that are over are no loops, and hide none.
  void RetireClosed(const attach::Heartbeat& heartbeat, std::vector<attach::SlotReading>& readings);
  /// Tells of what a loop did before `limit`, when its slot became another thread's.
  void FinishBefore(const attach::Heartbeat& heartbeat, LoopWatch& loop, attach::HeartbeatTime limit);
  attach::HeartbeatTime LookAtLoop(const attach::Heartbeat& heartbeat, LoopWatch& loop,
                                   const attach::SlotReading& reading,
                                   attach::HeartbeatTime limit = attach::HeartbeatTime::max());
  /// Whether the loop is over. If so, and if that may be, its thread is to be asked nothing more.
  static bool IsOver(LoopWatch& loop, attach::Decision& decision, attach::HeartbeatTime now);
  /// Its block, if there is one, lasts no longer.
  void CutShort(LoopWatch& loop, const std::string& note);
  void Act(const attach::Heartbeat& heartbeat, LoopWatch& loop, const attach::Decision& decision,
           attach::HeartbeatTime now);
  [[nodiscard]] BlockMeasure Measure(const LoopWatch& loop, attach::HeartbeatTime begin,
                                     attach::HeartbeatTime end) const;
  void TakeSample(const attach::Heartbeat& heartbeat, LoopWatch& loop);
  void TellFinished(LoopWatch& loop, const attach::Iteration& iteration);
  void KeepPending(LoopWatch& loop);
  /// Blocks of which it is not known whether they are a loop's are none.
  void DiscardPending(LoopWatch& loop);
  void Forget(LoopWatch& loop);
  void TellStats(LoopWatch& loop);
  void CloseLoop(LoopWatch& loop, const std::string& note);

  std::shared_ptr<WatchedProcess> process_;
  WatchTools& tools_;
  std::map<std::uint32_t, std::unique_ptr<LoopWatch>> loops_;  ///< By slot.
  std::map<std::uint32_t, std::uint64_t> tails_;               ///< By slot: how much of its ring has been read.
  /// By slot, whose counters go on where the next loop has the same key.
  std::map<std::uint32_t, Ended> ended_;
};

}  // namespace pyleak::cli
