#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attach/heartbeat/detector.h"
#include "attach/heartbeat/loop_finder.h"
#include "attach/trace/passage_watch.h"
#include "attach/trace/thread_look.h"
#include "attach/trace/thread_meter.h"
#include "cli/watch/block_journal.h"
#include "cli/watch/block_meter.h"
#include "cli/watch/event_maker.h"
#include "cli/watch/seen_waits.h"
#include "cli/watch/watched_process.h"

namespace pyleak::cli {

/// A thread that no slot of the heartbeat stands for, because it was there before the agent, or because there is none.
/// Looks from outside stand in for the heartbeat. They tell a wait from work, and when one became the other as closely
/// as they follow each other.
class Arrival {
 public:
  /// `stays`: no agent will come.
  static std::unique_ptr<Arrival> Find(int tid, std::uint64_t number, const std::shared_ptr<WatchedProcess>& process,
                                       const attach::DetectorOptions& options, bool stays);

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
  /// The code that runs its loop has returned: what it does until it waits again is no iteration.
  void MarkLeft() { left_ = true; }
  /// No agent will come.
  void Stay() { stays_ = true; }

  /// The waits that it has been seen in; a loop of it is one of them.
  [[nodiscard]] const SeenWaits& waits() const { return waits_; }
  /// `roles`: of waits(). False: another wait is its loop's now, and what it did since out_since() no iteration.
  bool Judge(std::span<const attach::WaitRole> roles, attach::HeartbeatTime now);
  /// It sleeps in its loop's wait, and nobody has asked yet whose code called it.
  [[nodiscard]] bool IsToBeIdentified() const;
  /// Until the answer comes, no other wait takes its place.
  void ExpectIdentification() {
    identified_ = waits_.loop()->reading.seen_as;
    awaits_identity_ = true;
  }
  void Identify(const LoopIdentity& identity);

  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] const std::shared_ptr<const LoopFacts>& facts() const { return facts_; }
  [[nodiscard]] attach::ThreadLook& thread() { return thread_; }
  [[nodiscard]] const BlockMeter& meter() const { return block_meter_; }
  [[nodiscard]] bool HasLoop() const { return waits_.loop() != nullptr; }
  /// When the thread was first seen out of its wait.
  [[nodiscard]] attach::HeartbeatTime out_since() const { return out_since_.value_or(attach::HeartbeatTime{}); }
  /// What the reader of an event must know of its beginning.
  [[nodiscard]] std::string Note() const;
  /// When the next look is due.
  [[nodiscard]] attach::HeartbeatTime due() const { return latest_.at + interval(); }

 private:
  /// What a look has found.
  struct Moment {
    attach::HeartbeatTime at{};
    attach::ThreadActivity activity;
    std::optional<attach::ThreadAccount> account;
  };

  Arrival(std::uint64_t number, attach::ThreadLook thread, const attach::ThreadActivity& activity,
          const std::shared_ptr<WatchedProcess>& process, const attach::DetectorOptions& options, bool stays);

  [[nodiscard]] std::chrono::nanoseconds interval() const;
  /// It sleeps in a wait, known or not: takes note of it. Null: it does not, or not in one that may be a loop's.
  const SeenWait* Meet(const Moment& moment);
  /// Begins anew to learn whose wait its loop's is.
  void NameWait();
  /// It runs a loop that has a slot, and is not the one that it was known by.
  [[nodiscard]] bool HasOtherLoop(std::span<const attach::SlotReading> readings) const;
  /// The slot that stands for the wait that it is known by, or any of its slots where it is known by none. Null: none.
  [[nodiscard]] const attach::SlotReading* SlotOf(std::span<const attach::SlotReading> readings) const;
  Finding IsInSlot(const attach::SlotReading& reading, attach::HeartbeatTime now);
  /// It has been woken up in its loop's wait, and has not had a CPU since to return from it.
  [[nodiscard]] bool IsToReturn(const Moment& moment) const;
  Finding IsInLoopWait(const Moment& moment, bool known);
  Finding IsOut(const Moment& moment);
  [[nodiscard]] bool HasSleptSinceArrival(const Moment& moment) const;
  /// Its work ends in a wait; if that is the wait it came from, it is a loop.
  Finding EndWork(bool same_wait, attach::HeartbeatTime end);
  /// The first time since out_since() that it came by its loop's wait, which looks need not see.
  std::optional<attach::HeartbeatTime> CameBy();
  void WatchPassages();
  [[nodiscard]] attach::HeartbeatTime BeginOfWork(const Moment& moment) const;
  [[nodiscard]] attach::HeartbeatTime EndOfWork(const Moment& moment) const;
  void TellMeter(const Moment& moment);

  std::uint64_t number_;
  attach::ThreadLook thread_;
  std::optional<attach::ThreadMeter> meter_;  ///< None: the kernel does not count.
  bool stays_;
  SeenWaits waits_;
  Moment arrived_;
  Moment latest_;   ///< The latest look.
  Moment waiting_;  ///< The latest that found it in its loop's wait.
  std::optional<attach::HeartbeatTime> out_since_;
  std::optional<attach::PassageWatch> passages_;
  RemoteAddress passages_at_;
  std::string no_passages_because_;
  bool dismissed_ = false;
  bool left_ = false;
  bool awaits_identity_ = false;
  std::uint64_t identified_ = 0;  ///< The wait whose code has been asked for.
  std::shared_ptr<const LoopFacts> facts_;
  attach::DetectorOptions options_;
  attach::Detector detector_;
  BlockMeter block_meter_;
  std::chrono::nanoseconds busy_{};
};

}  // namespace pyleak::cli
