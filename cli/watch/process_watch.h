#pragma once

#include <string>
#include <utility>

#include "cli/watch/process_arrivals.h"
#include "cli/watch/process_loops.h"
#include "cli/watch/process_source.h"

namespace pyleak::cli {

/// One process of a watch: its loops, and the threads that are on their way to become some.
class ProcessWatch {
 public:
  ProcessWatch(FoundProcess found, WatchTools& tools);

  [[nodiscard]] const FoundProcess& found() const { return found_; }
  [[nodiscard]] int pidfd() const { return found_.process->identity().pidfd(); }
  [[nodiscard]] bool HasLoop() const { return loops_.HasLoop() || (found_.without_agent && arrivals_.HasLoop()); }
  /// The process has an agent now, or it is known that it will have none.
  void FoundAgain(FoundProcess found);

  enum class State { kRunning, kOtherProgram, kEnded };
  [[nodiscard]] State state() const;

  /// It is known of every thread that was there before whether it works or waits. To be asked again until then.
  bool IsSettled() { return arrivals_.AreSettled(); }

  /// Tells the figures of its loops.
  void TellStats() { loops_.TellStats(); }

  /// The time of the next look.
  attach::HeartbeatTime Look();
  /// Blocks that last still are cut short by what `note` says.
  void Close(const std::string& note);

  /// What the stacks of its threads have shown.
  void Take(const JournalThread::Verdicts& verdicts);

 private:
  FoundProcess found_;
  WatchTools& tools_;
  ProcessLoops loops_;
  ProcessArrivals arrivals_;
};

}  // namespace pyleak::cli
