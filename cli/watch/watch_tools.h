#pragma once

#include <cstdint>

#include "attach/heartbeat/detector.h"
#include "cli/options.h"
#include "cli/watch/journal_thread.h"
#include "cli/watch/sampler.h"

namespace pyleak::cli {

/// What all the processes of one watch are looked at with.
struct WatchTools {
  const WatchOptions& options;
  attach::DetectorOptions detector;
  JournalThread& journal;
  attach::HeartbeatTime started = MonotonicNow();
  Sampler sampler{options.output.locals};
  std::uint64_t next_loop = 1;  ///< Loops are numbered in the order in which they are found.
  std::uint64_t ended_loops = 0;
  std::uint64_t lost_blocks = 0;  ///< Could not be read, or kept, in time.
  std::uint64_t lost_loops = 0;   ///< Found no room in the heartbeat of a process that is over.
};

}  // namespace pyleak::cli
