#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "attach/heartbeat/detector.h"
#include "attach/heartbeat/heartbeat.h"
#include "attach/heartbeat/loop_finder.h"
#include "attach/trace/thread_look.h"
#include "cli/watch/block_meter.h"
#include "cli/watch/event_maker.h"
#include "cli/watch/loop_statistics.h"
#include "cli/watch/watched_process.h"

namespace pyleak::cli {

/// One wait of one thread, which may be a loop, over the time of a watch.
class LoopWatch {
 public:
  /// `number`: within the watch.
  LoopWatch(std::uint64_t number, std::shared_ptr<WatchedProcess> process, const attach::SlotReading& reading,
            const attach::DetectorOptions& options);

  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] std::uint64_t key() const { return last_.key; }
  /// True if the slot stands for the same wait of the same thread as ever. A new thread may have the key of one that
  /// has ended, for it often gets the same stack and so the same thread pointer.
  [[nodiscard]] bool IsOf(const attach::SlotReading& reading) const {
    return reading.key == last_.key && reading.tid == own_tid_;
  }
  [[nodiscard]] const std::shared_ptr<const LoopFacts>& facts() const { return facts_; }
  [[nodiscard]] const attach::SlotReading& last() const { return last_; }

  /// Takes in what the slot says now, and finds out the kind of loop where that is not known yet; adds what is known
  /// to the reading.
  void Update(attach::SlotReading& reading);

  /// The thread; null once it has ended.
  [[nodiscard]] attach::ThreadLook* thread() { return thread_ ? &*thread_ : nullptr; }
  /// The loop is over once its thread has ended or its epoll instance has been closed.
  enum class Presence { kThere, kThreadEnded, kClosed };
  [[nodiscard]] Presence FindPresence();
  [[nodiscard]] bool StillExists() { return FindPresence() == Presence::kThere; }
  /// Its thread was found to have ended some time ago, so it was not because its process ends: that goes at once.
  [[nodiscard]] bool EndedAlone(attach::HeartbeatTime now);

  /// It waits again and again, or is known by the code that waits.
  [[nodiscard]] bool IsCertain() const {
    return role == attach::WaitRole::kLoop ||
           (role == attach::WaitRole::kProvisional && facts_->kind.verdict == symbolize::LoopKind::Verdict::kLoop);
  }

  /// The iteration that began then is none: the code that runs the loop was not on the stack.
  void MarkLeft(attach::HeartbeatTime begin) { left_since_ = begin; }

  attach::Detector detector;
  BlockMeter meter;
  LoopStatistics statistics;
  attach::HeartbeatTime stats_told_at;  ///< When the loop was first seen, or its figures last told.
  /// Blocks that are told of if the wait turns out to be a loop's. As few as a slot's ring holds.
  std::vector<attach::Iteration> pending;
  attach::WaitRole role = attach::WaitRole::kProvisional;
  /// The iteration that the journal has samples or an onset of: its number and its begin.
  struct Told {
    std::uint64_t iteration = 0;
    attach::HeartbeatTime begin{};
    bool past_threshold = false;  ///< It is a block already.
  };
  std::optional<Told> told_of;

 private:
  /// What can be learnt of a thread only while it sleeps in the wait: whose Python calls it, what it polls.
  void LookAtWait(const attach::SlotReading& reading);
  void IdentifyByPython(const symbolize::Stack& python);

  std::uint64_t number_;
  int own_tid_;  ///< In the target's pid namespace.
  attach::SlotReading last_;
  std::shared_ptr<const LoopFacts> facts_;
  std::optional<attach::ThreadLook> thread_;
  std::optional<attach::HeartbeatTime> left_since_;
  std::optional<attach::HeartbeatTime> ended_since_;
  bool polls_like_loop_ = false;
  bool looked_at_wait_ = false;
};

}  // namespace pyleak::cli
