#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attach/proc/process_end.h"
#include "symbolize/stack.h"

namespace pyleak::cli {

// What a watch has to say, as plain values: the watch makes them, every format prints them. Text is the target's, any
// bytes; the formats clean it. Durations are on CLOCK_MONOTONIC, timestamps on CLOCK_REALTIME.

using Timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;

/// A thread as the user knows it. Numbers are in pyleak's own pid namespace.
struct ThreadName {
  int pid = 0;
  int tid = 0;
  std::string process;
  std::string thread;
};

/// One thread's repeated wait on one poll object.
struct Loop {
  std::string kind = "generic";  ///< asyncio, uvloop, node, libuv, libevent, ...: the library that runs it.
  std::string wait;              ///< The wait call: epoll_wait, poll, ...
  std::optional<int> fd;         ///< The epoll descriptor; poll and select have none.
  std::uint64_t iteration = 0;   ///< Iterations that this loop has begun since pyleak counts them.
};

enum class CauseKind { kCpu, kSyscall, kLock, kGil, kGc, kDisk, kNotScheduled, kStopped, kNestedWait, kUnknown };

/// The thread that had the lock which the loop's thread waited for.
struct Holder {
  int tid = 0;
  std::string name;
  std::optional<symbolize::Stack> stack;  ///< Taken while it had the lock.
  std::chrono::nanoseconds freeze{};      ///< How long it was held for that.
};

/// Why a loop did not return to its wait. What is not known is left out.
struct Cause {
  CauseKind kind = CauseKind::kUnknown;
  std::string summary;  ///< A sentence for a person; empty: nothing is known.
  std::optional<std::string> syscall;
  std::optional<int> fd;
  std::optional<std::string> target;  ///< The path or the peer's address behind `fd`.
  std::optional<std::chrono::nanoseconds> cpu;
  std::optional<std::chrono::nanoseconds> wait;
  std::optional<std::chrono::nanoseconds> runqueue;  ///< Runnable, but not on a CPU.
  std::optional<Holder> gil_holder;
  std::optional<Holder> lock_holder;  ///< Of any other lock.
};

/// The coroutine that the loop was running.
struct Task {
  std::string name;
  std::string coroutine;
};

/// One distinct stack seen within a block; times are from the block's beginning.
struct Sample {
  int count = 0;
  std::chrono::nanoseconds first_at{};
  std::chrono::nanoseconds last_at{};
  symbolize::Stack blocking_stack;
};

/// How the stacks of a block were taken.
struct Capture {
  std::vector<std::chrono::nanoseconds> freezes;  ///< How long the thread was held, one for each sample.
  std::optional<std::chrono::nanoseconds> after;  ///< The first sample, from the block's beginning.
  bool complete = false;                          ///< The unwind reached the bottom of the stack.
  std::vector<std::string> notes;
};

/// An iteration of a loop that lasted longer than the threshold.
struct BlockEvent {
  std::uint64_t block_id = 0;  ///< 1, 2, 3 ... within a watch.
  std::chrono::nanoseconds duration{};
  std::chrono::nanoseconds threshold{};
  Timestamp timestamp;   ///< When the block began.
  bool ongoing = false;  ///< The block lasts still; `duration` is its age.
  ThreadName thread;
  Loop loop;
  Cause cause;
  std::optional<Task> task;
  /// User languages, and the native frames that matter: of the latest sample while the block lasts, in the end of the
  /// one that stands for most (SampleSpread).
  std::optional<symbolize::Stack> blocking_stack;
  std::optional<symbolize::Stack> native_stack;  ///< Every native frame, of the same sample.
  std::vector<Sample> samples;
  Capture capture;
};

/// A block has just passed the threshold; its event follows when it ends.
struct Onset {
  std::chrono::nanoseconds lag{};
  std::chrono::nanoseconds threshold{};
  Timestamp timestamp;  ///< Now.
  ThreadName thread;
  std::optional<symbolize::Stack> stack;  ///< Where it stands; none: no sample was taken yet.
};

/// The watch begins.
struct WatchStarted {
  Timestamp timestamp;
  int pid = 0;
  std::string process;
  std::chrono::nanoseconds threshold{};
  std::chrono::nanoseconds check_interval{};
  bool children = false;  ///< Child processes are watched too.
  std::optional<std::string> no_agent;  ///< Why the process is watched from outside; none: it is not.
};

/// How long the iterations of a loop were. Quantiles are rounded up to the end of a bucket, which is at most a quarter
/// more; nothing: there was no iteration.
struct Lag {
  struct Bucket {
    std::chrono::nanoseconds end{};
    std::uint64_t iterations = 0;
  };

  std::optional<std::chrono::nanoseconds> p50;
  std::optional<std::chrono::nanoseconds> p90;
  std::optional<std::chrono::nanoseconds> p99;
  std::optional<std::chrono::nanoseconds> p999;
  std::optional<std::chrono::nanoseconds> max;  ///< Exact from the threshold on. Of the current iteration too.
  std::vector<Bucket> buckets;                  ///< Shortest first, without empty ones.
};

/// What one loop did in some time.
struct LoopFigures {
  std::uint64_t iterations = 0;        ///< That have ended.
  std::chrono::nanoseconds busy{};     ///< Outside of its wait call.
  std::chrono::nanoseconds waiting{};  ///< In its wait call.
  Lag lag;
  bool congested = false;  ///< Hardly ever in its wait, though no iteration was as long as the threshold.
  std::uint64_t blocks = 0;
  std::chrono::nanoseconds blocked{};  ///< The sum of its blocks' durations.
  std::uint64_t freezes = 0;           ///< How often pyleak held its thread.
  std::chrono::nanoseconds frozen{};   ///< How long in all.

  /// The share of the time that it was out of its wait call: 0 to 1.
  [[nodiscard]] double utilisation() const {
    const double all = std::chrono::duration<double>(busy + waiting).count();
    return all > 0 ? std::chrono::duration<double>(busy).count() / all : 0;
  }
};

/// What one loop did while it was watched.
struct LoopTotals {
  ThreadName thread;
  Loop loop;
  LoopFigures figures;
};

/// What one loop has done since the record before this one.
struct LoopStats {
  Timestamp timestamp;
  std::chrono::nanoseconds interval{};
  LoopTotals totals;
};

/// What was counted but could not be told one by one.
struct Dropped {
  std::uint64_t blocks = 0;   ///< Over the threshold, but their place in the heartbeat was taken before they were read.
  std::uint64_t loops = 0;    ///< Found no place in the heartbeat.
  std::uint64_t records = 0;  ///< Could not be written to the output. The reporter counts them.
};

/// How often pyleak itself looked later than it wanted to by the threshold and more, and by how much in all.
struct Lateness {
  std::uint64_t looks = 0;
  std::chrono::nanoseconds total{};
};

enum class EndReason { kTargetEnded, kInterrupted, kTerminated, kDuration, kMaxBlocks, kReaderGone, kFailed };

/// The watch ends.
struct WatchEnded {
  Timestamp timestamp;
  EndReason reason = EndReason::kTargetEnded;
  std::optional<attach::ProcessEnd> target_end;  ///< How the target has ended; nothing: it runs, or nobody knows.
  std::chrono::nanoseconds duration{};
  std::uint64_t blocks = 0;
  std::chrono::nanoseconds blocked{};
  std::vector<LoopTotals> loops;
  std::uint64_t freezes = 0;          ///< How often a thread was held.
  std::chrono::nanoseconds frozen{};  ///< How long in all.
  Lateness late;
  Dropped dropped;
};

/// Something the user should know about the watch itself.
struct Warning {
  Timestamp timestamp;
  std::string code;  ///< For programs: a word or two of lower case, stable: "no_loop", "blind".
  std::string message;
  std::optional<int> pid;
};

/// What doctor has found about one of the things that a watch needs.
struct Check {
  enum class Verdict {
    kOk,
    kNote,     ///< A watch would do without.
    kProblem,  ///< No watch.
  };

  Timestamp timestamp;
  std::optional<int> pid;  ///< None: of this machine and this user.
  Verdict verdict = Verdict::kOk;
  std::string subject;  ///< A word or two of lower case, stable: "memory", "system calls".
  std::string finding;
  std::string hint;  ///< What would help; empty: nothing is needed.
};

/// A loop as it is at this moment: what dump and list show.
struct LoopSnapshot {
  Timestamp timestamp;
  ThreadName thread;
  Loop loop;
  bool waiting = false;                           ///< In its wait call, as an idle loop is.
  std::optional<std::chrono::nanoseconds> since;  ///< How long it has been waiting or busy.
  std::optional<symbolize::Stack> blocking_stack;
  std::optional<symbolize::Stack> native_stack;
};

}  // namespace pyleak::cli
