#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "attach/heartbeat/heartbeat.h"
#include "cli/explain/evidence.h"
#include "cli/report/event.h"
#include "cli/watch/process_symbols.h"
#include "cli/watch/watched_process.h"
#include "symbolize/loop_kind.h"

namespace pyleak::cli {

/// What stays the same of a loop from block to block.
struct LoopFacts {
  std::shared_ptr<WatchedProcess> process;
  ThreadName thread;
  Loop loop;
  symbolize::LoopKind kind;
  symbolize::WaitCaller caller;
  /// Nothing has shown yet that the thread runs a loop: its blocks are told of only if their stack does.
  bool only_if_known = false;
};

/// A sample whose frames have names.
struct NamedSample {
  attach::HeartbeatTime taken_at{};
  std::chrono::nanoseconds freeze{};
  SampleEvidence evidence;
  NamedStacks stacks;
};

/// One block, as far as it is known.
struct BlockFacts {
  std::uint64_t block_id = 0;
  std::uint64_t iteration = 0;
  attach::HeartbeatTime begin{};
  attach::HeartbeatTime end{};  ///< Now, while it lasts.
  bool ongoing = false;
  std::chrono::nanoseconds threshold{};
  /// CLOCK_REALTIME minus CLOCK_MONOTONIC.
  std::chrono::nanoseconds realtime_offset{};
};

/// The event of a block. Pure. `samples` in the order in which they were taken; `notes` about the times.
BlockEvent MakeBlockEvent(const BlockFacts& block, const LoopFacts& loop, const std::vector<NamedSample>& samples,
                          const BlockMeasure& measure, const std::vector<std::string>& notes);

/// CLOCK_REALTIME minus CLOCK_MONOTONIC, now.
std::chrono::nanoseconds RealtimeOffset();
/// CLOCK_REALTIME now.
Timestamp Now();

}  // namespace pyleak::cli
