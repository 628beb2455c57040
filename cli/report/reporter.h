#pragma once

#include <memory>
#include <vector>

#include "attach/base/result.h"
#include "cli/options.h"
#include "cli/report/event.h"
#include "cli/report/event_writer.h"
#include "cli/report/output.h"

namespace pyleak::cli {

/// Tells the user what a watch finds, in the way that the options ask for. A failure to write is told on stderr once
/// and counted; it never ends the watch. For one thread at a time.
class Reporter {
 public:
  /// Opens the output and the log; the Error says which of them cannot be had.
  static Result<Reporter> Open(const WatchOptions& options);

  void OnStarted(const WatchStarted& started);
  /// A block has passed the threshold.
  void OnOnset(const Onset& onset);
  /// The block lasts still: `event.ongoing` is true. To be called at growing distances.
  void OnStillBlocked(const BlockEvent& event);
  /// Once for each block, the last that is heard of it: it has ended, or is ongoing when the watch or the target ends.
  void OnBlock(const BlockEvent& event);
  void OnStats(const LoopStats& stats);
  void OnWarning(const Warning& warning);
  /// To be called about once a second.
  void OnTick();
  /// The last call. Fills in `ended.dropped.records`. The exit status that the action asks for: 3 for raise and a
  /// block, else 0.
  [[nodiscard]] int OnEnded(WatchEnded ended);

  /// The reader has closed its end (`| head`): nothing is left to do but to end the watch.
  [[nodiscard]] bool ReaderHasGone() const;

 private:
  explicit Reporter(Action action) : action_(action) {}
  /// The Output that `name` stands for; it lives as long as the Reporter.
  Result<Output*> OpenOutput(const std::string& name);
  Result<void> AddTextWriter(const WatchOptions& options);
  Result<void> AddJsonWriter(const WatchOptions& options);
  template <typename Tell>
  void TellEach(Tell tell);

  Action action_;
  std::vector<std::unique_ptr<Output>> outputs_;
  std::vector<std::unique_ptr<EventWriter>> writers_;
};

}  // namespace pyleak::cli
