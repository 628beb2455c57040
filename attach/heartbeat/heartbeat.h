#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attach/agent/protocol.h"
#include "attach/base/remote_address.h"
#include "attach/base/result.h"
#include "attach/heartbeat/iteration_histogram.h"

namespace pyleak::attach {

/// A moment on CLOCK_MONOTONIC as pyleak's time namespace shows it.
using HeartbeatTime = std::chrono::nanoseconds;

/// What is known of the code that makes a wait call.
enum class CallerVerdict {
  kUnknown,  ///< The program's own code, or a library that pyleak does not know.
  kLoop,     ///< The poll function of an event loop library.
  kNotLoop,  ///< A library that waits for one answer: a database or HTTP client, a subprocess module.
};

/// What a slot said at one moment. Every number is the target's and may be anything.
struct SlotReading {
  std::uint32_t slot = 0;
  std::uint64_t key = 0;        ///< Another key: the slot stands for another wait.
  int tid = 0;                  ///< In the target's pid namespace, until the watch puts in its own.
  std::uint32_t wait = 0;       ///< PYLEAK_WAIT_*.
  int fd = -1;                  ///< Of the epoll instance; -1 for poll and select.
  bool busy = false;            ///< In an iteration; otherwise in the wait call.
  std::uint64_t iteration = 0;  ///< The current one, or the latest before this wait; from 1.
  HeartbeatTime since{};        ///< Beginning of the iteration or of the wait.
  HeartbeatTime waited_at{};    ///< When the wait call was entered last.
  HeartbeatTime first_wait{};   ///< When it was entered first.
  RemoteAddress stack_pointer;  ///< Of the wait call: where its return address lies.
  RemoteAddress return_address;
  HeartbeatTime busy_total{};
  HeartbeatTime waiting_total{};

  RemoteAddress thread_pointer;

  // Told by the watch, not read.
  std::uint64_t seen_as = 0;  ///< Waits are numbered in the order in which they were first seen.
  /// poll and select: it has been seen to wait for several descriptors, or for one that is no client's socket.
  bool polls_like_loop = false;
  bool undecided = false;  ///< poll and select: it has not been seen to wait yet.
  CallerVerdict verdict = CallerVerdict::kUnknown;
  bool left = false;  ///< The code that ran the loop has returned: this is no iteration of it.

  [[nodiscard]] bool is_epoll() const { return wait <= PYLEAK_WAIT_EPOLL_PWAIT2; }
};

/// The function that a PYLEAK_WAIT_* stands for; empty for another number.
std::string WaitName(std::uint32_t wait);

/// A finished iteration that was at least as long as the threshold.
struct Iteration {
  std::uint64_t number = 0;
  HeartbeatTime begin{};
  HeartbeatTime end{};
};

/// What a slot had counted at one moment, with the state that goes with it.
struct SlotCounts {
  IterationHistogram::Counters iterations{};  ///< Finished ones, by their length.
  HeartbeatTime busy{};                       ///< Of all finished iterations.
  HeartbeatTime waiting{};                    ///< Of all finished waits.
  bool in_iteration = false;
  HeartbeatTime since{};  ///< Beginning of the current iteration or wait.
};

/// One process's part of an arena, as pyleak sees it: a view, valid as long as the arena's mapping.
class Heartbeat {
 public:
  explicit Heartbeat(PyleakRegion* region) : region_(region) {}

  /// pyleak's CLOCK_MONOTONIC minus the target's, for every time that is read from now on.
  void SetClockOffset(std::chrono::nanoseconds offset) { clock_offset_ = offset; }

  [[nodiscard]] bool IsSameRegion(const Heartbeat& other) const { return region_ == other.region_; }
  [[nodiscard]] bool live() const;
  /// In the target's pid namespace.
  [[nodiscard]] int pid() const;
  [[nodiscard]] RemoteAddress agent_base() const;
  /// Tells one claim of a region from another.
  [[nodiscard]] HeartbeatTime claimed_at() const;
  /// Waits that found no slot and so are not watched, PYLEAK_DROPPED_BITS at the most.
  [[nodiscard]] std::uint64_t dropped_waits() const;

  /// Every slot in use that could be read while it stood still for a moment; a loop that turns too fast for that is
  /// certainly not blocked and is left out.
  [[nodiscard]] std::vector<SlotReading> Read() const;

  /// Nothing if the slot is free, or its loop turns too fast to be read at this moment.
  [[nodiscard]] std::optional<SlotCounts> ReadCounts(std::uint32_t slot) const;

  /// True if the slot is in that very iteration still.
  [[nodiscard]] bool IsInIteration(std::uint32_t slot, std::uint64_t iteration) const;

  struct Drained {
    std::vector<Iteration> iterations;
    std::uint64_t lost = 0;  ///< Overwritten before they were read.
  };
  /// The long iterations of a slot from number `tail` on that began before `limit`; `tail` is moved behind them. It
  /// counts from the first that was ever written there, by whatever wait.
  Drained Drain(std::uint32_t slot, std::uint64_t& tail, HeartbeatTime limit = HeartbeatTime::max()) const;

  /// The slot stands for that wait, though it may be over.
  [[nodiscard]] bool StandsFor(std::uint32_t slot, std::uint64_t key) const;
  /// How many long iterations there ever were, in all slots.
  [[nodiscard]] std::uint64_t CountLongIterations() const;

  /// What the slot stands for is over: its thread is gone, or its epoll instance.
  void Retire(std::uint32_t slot) const;
  /// Gives the region back, zeroed. Only when its process is gone.
  void Free() const;

 private:
  [[nodiscard]] PyleakSlot* slots() const;
  [[nodiscard]] HeartbeatTime OurTime(std::uint64_t nanoseconds) const;
  [[nodiscard]] std::optional<SlotReading> ReadSlot(std::uint32_t index) const;

  PyleakRegion* region_;
  std::chrono::nanoseconds clock_offset_{};
};

/// The shared memory of a watch, mapped into pyleak. Its header is ours and its regions are the target's.
class Arena {
 public:
  /// `memory` stays with the caller, who keeps it mapped as long as the arena and all its heartbeats live.
  /// kCorrupt: it is too small, or not an arena of this version.
  static Result<Arena> Over(std::span<std::byte> memory);
  /// Writes the header of a new arena over zeroed memory, which may have room for more regions than there are yet.
  static Result<Arena> Make(std::span<std::byte> memory, std::uint32_t region_count, std::chrono::nanoseconds threshold,
                            bool follow_children);

  [[nodiscard]] std::uint32_t region_count() const;
  /// Lets processes claim regions up to this number from now on; as far as the memory has room.
  void Grow(std::uint32_t region_count);
  [[nodiscard]] Heartbeat region(std::uint32_t index) const;
  /// Processes that found no region and so are not watched.
  [[nodiscard]] std::uint64_t dropped_processes() const;
  void SetOwner(const PyleakOwner& owner) { header_->owner = owner; }
  /// Where a LifeSign of the owner belongs.
  [[nodiscard]] std::uint32_t& life_sign() { return header_->life_sign; }

 private:
  Arena(PyleakArena* header, std::uint32_t capacity) : header_(header), capacity_(capacity) {}

  PyleakArena* header_;
  std::uint32_t capacity_;  ///< Regions that the memory has room for, whatever the target writes into the header.
};

}  // namespace pyleak::attach
