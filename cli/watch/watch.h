#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "cli/options.h"
#include "cli/report/reporter.h"
#include "cli/watch/alarm.h"
#include "cli/watch/journal_thread.h"
#include "cli/watch/process_source.h"
#include "cli/watch/process_watch.h"
#include "cli/watch/self_check.h"
#include "cli/watch/watch_tools.h"

namespace pyleak::cli {

/// Looks at the loops of all processes of a source, each at its own deadline, samples those that are late, and tells
/// a journal, which makes the events in a thread of its own.
class Watch {
 public:
  Watch(const WatchOptions& options, ProcessSource& source, Reporter& reporter, const Alarm& alarm);

  /// Looks at what the source has now: from then on nothing of it is missed. Run does the same for what comes later.
  void Begin();

  /// From now until the target ends, or a signal, --duration or --max-blocks ends the watch. What the reporter is told
  /// at the end.
  WatchEnded Run();

 private:
  void TakeNewProcesses();
  /// Not before the watch has said that it begins.
  void PassOnWarnings();
  /// Looks at every process; the time of the next look.
  attach::HeartbeatTime LookAtAll();
  /// If it is time. When it will be.
  attach::HeartbeatTime TellStats();
  void WarnIfNoLoop();
  [[nodiscard]] std::optional<EndReason> ReasonToEnd();
  [[nodiscard]] WatchEnded Summary(EndReason reason);

  const WatchOptions& options_;
  ProcessSource& source_;
  const Alarm& alarm_;
  attach::HeartbeatTime started_;
  JournalThread journal_;
  WatchTools tools_;
  std::vector<std::unique_ptr<ProcessWatch>> processes_;
  attach::HeartbeatTime next_tick_;
  attach::HeartbeatTime next_stats_;
  SelfCheck self_check_;
  bool warned_of_no_loop_ = false;
};

}  // namespace pyleak::cli
