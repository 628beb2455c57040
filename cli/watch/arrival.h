#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attach/heartbeat/detector.h"
#include "attach/trace/thread_look.h"
#include "attach/trace/thread_meter.h"
#include "cli/watch/event_maker.h"
#include "cli/watch/watched_process.h"

namespace pyleak::cli {

/// A thread that was there before the agent. Its wait, or its block, began without the agent and so is in no slot;
/// looks from outside stand in for the heartbeat until the thread enters a wait through the agent. They tell a wait
/// from work, and when one became the other to a few milliseconds.
class Arrival {
 public:
  /// Every thread of the process, as many as are worth the looks.
  static std::vector<std::unique_ptr<Arrival>> AllThreads(const std::shared_ptr<WatchedProcess>& process,
                                                          const attach::DetectorOptions& options,
                                                          std::uint64_t& next_loop);

  /// A thread that was on its way into a wait is to be seen in it: out of it again, it would be unknown. True: it has
  /// been seen waiting, or has run for so long that it was on no such way.
  bool IsSettled();

  struct Finding {
    std::optional<attach::Decision> decision;  ///< The thread is out of its wait.
    /// It is back in a wait: what it did in between, from out_since() as it was before this look.
    std::optional<attach::Iteration> finished;
    bool over = false;  ///< Nothing more is to be learnt from outside: it is in a slot, or it has ended.
  };
  /// `readings`: what the slots of its process say now.
  Finding Look(std::span<const attach::SlotReading> readings, attach::HeartbeatTime now);

  /// Its stack shows no loop: it is asked for no more samples.
  void Dismiss() { dismissed_ = true; }

  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] const std::shared_ptr<const LoopFacts>& facts() const { return facts_; }
  [[nodiscard]] attach::ThreadLook& thread() { return thread_; }
  /// When the thread was first seen out of its wait.
  [[nodiscard]] attach::HeartbeatTime out_since() const { return out_since_.value_or(attach::HeartbeatTime{}); }
  /// What the reader of an event must know of its beginning.
  [[nodiscard]] std::string Note() const;
  /// How long the next look may wait.
  [[nodiscard]] std::chrono::nanoseconds interval(attach::HeartbeatTime now) const;

 private:
  Arrival(std::uint64_t number, attach::ThreadLook thread, const attach::ThreadActivity& activity,
          const std::shared_ptr<WatchedProcess>& process, const attach::DetectorOptions& options);

  [[nodiscard]] bool WaitsLikeLoop(const attach::ThreadActivity& activity) const;
  /// Known by no wait yet, it becomes known by the first that looks like a loop's.
  bool LearnWait(const attach::ThreadActivity& activity);
  /// It runs a loop that has a slot, and is not the one that it was known by.
  [[nodiscard]] bool HasOtherLoop(std::span<const attach::SlotReading> readings) const;
  /// The slot that stands for the wait that it is known by, or any of its slots where it is known by none. Null: none.
  [[nodiscard]] const attach::SlotReading* SlotOf(std::span<const attach::SlotReading> readings) const;
  /// The wait of the latest looks, or the same again with less of its timeout left.
  [[nodiscard]] bool IsSameWait(const attach::ThreadActivity& activity) const;
  /// The slot stands for the wait that it was last seen in.
  [[nodiscard]] bool IsWaitOf(const attach::SlotReading& reading) const;
  Finding IsInSlot(const attach::SlotReading& reading, attach::HeartbeatTime now);
  /// Its work ends in a wait; if that is the wait it came from, it is a loop.
  Finding EndWork(bool same_wait, attach::HeartbeatTime end);

  std::uint64_t number_;
  attach::ThreadLook thread_;
  std::optional<attach::ThreadMeter> meter_;  ///< None: the kernel does not count.
  std::optional<attach::ThreadAccount> at_arrival_;
  attach::ThreadActivity wait_;  ///< The latest that it was seen in.
  bool was_waiting_;             ///< It has been seen in a wait.
  attach::HeartbeatTime arrived_;
  attach::HeartbeatTime last_waiting_;
  std::optional<attach::HeartbeatTime> out_since_;
  bool dismissed_ = false;
  std::shared_ptr<const LoopFacts> facts_;
  attach::DetectorOptions options_;
  attach::Detector detector_;
};

}  // namespace pyleak::cli
