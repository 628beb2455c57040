#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "attach/heartbeat/heartbeat.h"
#include "cli/options.h"
#include "cli/report/event.h"
#include "cli/report/reporter.h"
#include "cli/watch/event_maker.h"
#include "cli/watch/sampler.h"

namespace pyleak::cli {

/// One iteration of one loop.
struct BlockKey {
  std::uint64_t loop = 0;  ///< Within the watch.
  attach::HeartbeatTime begin{};
  std::uint64_t iteration = 0;  ///< Goes with `begin`, unless the target has forged it: does not tell two apart.

  auto operator<=>(const BlockKey& other) const { return std::tie(loop, begin) <=> std::tie(other.loop, other.begin); }
  bool operator==(const BlockKey& other) const { return (*this <=> other) == 0; }
};

/// Whose code calls a loop's wait.
struct LoopIdentity {
  symbolize::LoopKind kind;
  symbolize::WaitCaller caller;
};

/// Makes events of what the watch sees: keeps the samples of each iteration until it is known to be a block, names
/// them, explains, filters, and hands the event to the reporter. All of it in one thread, which may take its time.
class BlockJournal {
 public:
  struct Callbacks {
    /// The iteration was none of the loop's: the code that runs the loop was not on the stack.
    std::function<void(const BlockKey&)> left_loop;
    /// The thread is not known to run a loop, and its stack shows none either.
    std::function<void(const BlockKey&)> no_loop;
    std::function<void(std::uint64_t loop, const LoopIdentity&)> identified;
    /// --max-blocks have been reported, or nobody reads any more.
    std::function<void(EndReason)> stop;
  };

  BlockJournal(const WatchOptions& options, Reporter& reporter, Callbacks callbacks);

  /// Whose code calls the wait of a loop that is watched from outside. `sample`: of its thread, asleep there.
  void OnIdentify(std::uint64_t loop, const std::shared_ptr<const LoopFacts>& facts, const RawSample& sample);
  /// Nothing more will be heard of a loop that was watched from outside.
  void OnGone(std::uint64_t loop);
  /// `object`: what its system call works on.
  void OnSample(const BlockKey& key, RawSample sample, attach::CallObject object);
  /// `notes` go into the block's event: what the reader must know of its times.
  void OnNote(const BlockKey& key, const std::string& note);
  /// What was measured of the iteration up to now, in the place of what was measured before.
  void OnMeasured(const BlockKey& key, BlockMeasure measure);
  /// The iteration ended in time, or was none.
  void OnDiscarded(const BlockKey& key);
  void OnOnset(const BlockKey& key, const std::shared_ptr<const LoopFacts>& loop, attach::HeartbeatTime now);
  void OnOngoing(const BlockKey& key, const std::shared_ptr<const LoopFacts>& loop, attach::HeartbeatTime now);
  void OnFinished(const BlockKey& key, const std::shared_ptr<const LoopFacts>& loop,
                  const attach::Iteration& iteration);
  /// The watch, the thread or the target ends while the block lasts; nothing more will be heard of it.
  void OnCutShort(const BlockKey& key, const std::shared_ptr<const LoopFacts>& loop, attach::HeartbeatTime now,
                  const std::string& note);
  /// `stats`: what the loop's slot says; its blocks since the last call are added here.
  void OnStats(std::uint64_t loop, LoopStats stats);
  /// `totals`: what the loop's slot said in the end; its blocks are added here.
  void OnLoopEnded(std::uint64_t loop, LoopTotals totals);
  void OnWarning(const Warning& warning);
  /// About once a second.
  void OnTick();

  /// Blocks reported so far, ongoing ones left out, and their time; for the summary.
  [[nodiscard]] std::uint64_t blocks() const { return blocks_; }
  [[nodiscard]] std::chrono::nanoseconds blocked() const { return blocked_; }
  /// In the order in which they ended. Of a great many those that were blocked longest.
  [[nodiscard]] const std::vector<LoopTotals>& ended_loops() const { return ended_loops_; }

 private:
  struct Entry {
    std::vector<std::pair<RawSample, attach::CallObject>> raw;  ///< Taken, and not yet named.
    std::vector<NamedSample> named;
    std::vector<std::string> notes;
    BlockMeasure measure;
    std::uint64_t block_id = 0;  ///< 0: no event has told of it yet, and so numbers have no gaps.
    bool filtered = false;       ///< Nobody wants to hear of it.
  };

  /// A loop's blocks.
  struct Totals {
    std::uint64_t blocks = 0;
    std::chrono::nanoseconds blocked{};
    std::uint64_t blocks_told = 0;  ///< In statistics, as far as it was told of them.
    std::chrono::nanoseconds blocked_told{};
  };

  void NameSamples(Entry& entry, const LoopFacts& loop);
  /// Names what is to be named, learns the kind of loop from it, asks the filters. False: not to be told of.
  bool Admit(const BlockKey& key, Entry& entry, LoopFacts& loop);
  [[nodiscard]] bool PassesFilters(const Entry& entry) const;
  BlockEvent MakeEvent(const BlockKey& key, Entry& entry, const LoopFacts& loop, attach::HeartbeatTime end,
                       bool ongoing);
  void Tell(const BlockKey& key, Entry& entry, const LoopFacts& loop, attach::HeartbeatTime end, bool ongoing);
  void TellLast(const BlockKey& key, LoopFacts loop, attach::HeartbeatTime end, bool ongoing);

  const WatchOptions& options_;
  Reporter& reporter_;
  Callbacks callbacks_;
  std::map<BlockKey, Entry> entries_;
  std::map<std::uint64_t, Totals> totals_;            ///< By loop number, of those that have not ended.
  std::map<std::uint64_t, LoopIdentity> identities_;  ///< By loop number, of those that are watched from outside.
  std::vector<LoopTotals> ended_loops_;
  std::uint64_t next_block_id_ = 1;
  std::uint64_t blocks_ = 0;
  std::chrono::nanoseconds blocked_{};
};

}  // namespace pyleak::cli
