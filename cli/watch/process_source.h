#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attach/heartbeat/heartbeat.h"
#include "attach/proc/process_end.h"
#include "cli/report/event.h"
#include "cli/watch/watched_process.h"

namespace pyleak::cli {

/// What it means for the reader that a process has no agent, or none yet; why not is to follow.
inline const std::string kFromOutside = "watched from outside, to some milliseconds: ";

/// A process to be watched.
struct FoundProcess {
  std::shared_ptr<WatchedProcess> process;
  /// Nothing: it has no agent yet. The process is found again when it has.
  std::optional<attach::Heartbeat> heartbeat;
  bool without_agent = false;  ///< It will have none: looks from outside have to do.
  bool joined_late = false;    ///< It ran before its agent was there.
};

/// Where the processes of a watch come from: what `attach` and `run` differ in.
class ProcessSource {
 public:
  virtual ~ProcessSource() = default;

  /// Processes found since the last call.
  virtual std::vector<FoundProcess> TakeNew() = 0;
  /// What the user should know of processes that could not be watched, since the last call.
  virtual std::vector<Warning> TakeWarnings() = 0;
  /// What is in the heartbeats of processes that had ended before pyleak could look at them, since the last call.
  virtual Dropped TakeUnseen() = 0;
  /// The process has ended and its heartbeat has been read for the last time.
  virtual void Release(const FoundProcess& process) = 0;
  /// Why the watch is to end, if it is: nothing is left that could be watched, or a signal has asked for it.
  virtual std::optional<EndReason> ReasonToEnd() = 0;
  /// How the process that the watch is about has ended. Nothing: it runs, or nobody knows.
  [[nodiscard]] virtual std::optional<attach::ProcessEnd> HowTargetEnded() const = 0;
  /// Why the process that the watch is of has no agent and will have none; none: it has one, or may still get it.
  [[nodiscard]] virtual std::optional<std::string> WhyNoAgent() const = 0;
  /// Descriptors that become readable when one of these has something new to say.
  [[nodiscard]] virtual std::vector<int> wakers() const = 0;
};

}  // namespace pyleak::cli
