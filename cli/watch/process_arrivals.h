#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "cli/watch/arrival.h"
#include "cli/watch/watch_tools.h"

namespace pyleak::cli {

/// The threads of one process that no slot stands for: those that were there before its agent, for as long as they are
/// in none, or all of them where there is no agent.
class ProcessArrivals {
 public:
  explicit ProcessArrivals(WatchTools& tools) : tools_(tools) {}

  /// Every thread that the process has now.
  void Add(const std::shared_ptr<WatchedProcess>& process);
  /// No agent will come: threads that begin later are looked at too.
  void Stay();

  /// It is known of each whether it works or waits. To be asked again until then.
  bool AreSettled();

  /// `readings`: what the slots of the process say now. The time of the next look.
  attach::HeartbeatTime Look(std::span<const attach::SlotReading> readings);

  /// What stacks have shown of the threads.
  void Take(const JournalThread::Verdicts& verdicts);

  /// Some wait is a loop's.
  [[nodiscard]] bool HasLoop() const;

  /// Nothing more will be heard of them.
  void Close(const std::string& note);

 private:
  /// Nothing but looks will tell of the process's threads: looks for those that are new.
  void AddNew(attach::HeartbeatTime now);
  [[nodiscard]] Arrival* ByNumber(std::uint64_t number);
  /// Which of the waits that have been seen are loops'.
  void Judge();
  void Identify(Arrival& arrival);
  void Act(Arrival& arrival, const attach::Decision& decision, attach::HeartbeatTime now);
  void TakeSample(Arrival& arrival, const BlockKey& key);
  void TellFinished(const Arrival& arrival, const attach::Iteration& work);

  WatchTools& tools_;
  std::shared_ptr<WatchedProcess> process_;
  std::vector<std::unique_ptr<Arrival>> arrivals_;  ///< In order of thread.
  std::set<int> others_;                            ///< Threads that nobody asked for.
  bool stays_ = false;
  attach::HeartbeatTime next_listing_{};
};

}  // namespace pyleak::cli
