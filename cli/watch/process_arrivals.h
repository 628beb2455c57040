#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cli/watch/arrival.h"
#include "cli/watch/watch_tools.h"

namespace pyleak::cli {

/// The threads of one process that were there before its agent, for as long as they are in no slot.
class ProcessArrivals {
 public:
  explicit ProcessArrivals(WatchTools& tools) : tools_(tools) {}

  /// Every thread that the process has now.
  void Add(const std::shared_ptr<WatchedProcess>& process);

  /// It is known of each whether it works or waits. To be asked again until then.
  bool AreSettled();

  /// `readings`: what the slots of the process say now. The time of the next look.
  attach::HeartbeatTime Look(std::span<const attach::SlotReading> readings);

  /// The stack of the thread with that number shows no loop.
  void Dismiss(std::uint64_t number);

  /// Nothing more will be heard of them.
  void Close(const std::string& note);

 private:
  void Act(Arrival& arrival, const attach::Decision& decision, attach::HeartbeatTime now);
  void TakeSample(Arrival& arrival, const BlockKey& key);
  void TellFinished(const Arrival& arrival, const attach::Iteration& work);

  WatchTools& tools_;
  std::vector<std::unique_ptr<Arrival>> arrivals_;
};

}  // namespace pyleak::cli
