#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "attach/heartbeat/heartbeat.h"
#include "attach/heartbeat/loop_finder.h"
#include "attach/trace/thread_look.h"

namespace pyleak::cli {

/// A wait that a thread has been seen in from outside.
struct SeenWait {
  attach::ThreadActivity latest;  ///< As it was last seen.
  /// As a slot for it would say, as far as that is needed to tell which wait is the loop's. Its `seen_as` is never 0
  /// and tells it from every other wait.
  attach::SlotReading reading;
};

/// The waits that one thread has been seen in from outside, and which of them is its loop's.
class SeenWaits {
 public:
  /// `number`: of the thread, within the watch.
  SeenWaits(std::uint64_t number, int tid) : number_(number), tid_(tid) {}

  [[nodiscard]] std::span<const SeenWait> all() const { return waits_; }
  /// Null: none that is known.
  [[nodiscard]] const SeenWait* loop() const;

  /// Null: the thread sleeps in none of them. epoll instances are told apart by their descriptor, and poll and select,
  /// which have no object, by where on the stack they are called.
  [[nodiscard]] SeenWait* Find(const attach::ThreadActivity& activity);
  /// The thread has entered the wait, which is a new one.
  SeenWait& Add(const attach::ThreadActivity& activity, bool like_loop);

  /// `roles`: of all(). True: another wait than before is the loop's, or none is any more.
  bool Judge(std::span<const attach::WaitRole> roles);
  /// The loop's wait was entered, though no look has seen it.
  void CountRound();
  /// What the loop waits on is no more.
  void ForgetLoop();
  /// The loop's wait is called by a library that is known, or known not to be a loop's.
  void SetVerdict(attach::CallerVerdict verdict);

 private:
  std::uint64_t number_;
  int tid_;
  std::uint64_t count_ = 0;
  std::uint64_t loop_ = 0;  ///< seen_as of the loop's wait; 0: none.
  std::vector<SeenWait> waits_;
};

}  // namespace pyleak::cli
