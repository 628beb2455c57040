#pragma once

#include <span>
#include <vector>

#include "attach/heartbeat/heartbeat.h"

namespace pyleak::attach {

/// What a wait is to its thread.
enum class WaitRole {
  kLoop,         ///< The loop's own: the outermost that repeats.
  kProvisional,  ///< Came once so far, or has not been seen to wait. It may turn out to be the loop's own.
  kNested,       ///< Another wait of the thread is its loop's: this one is blocking work.
  kShared,       ///< Several threads wait on the same epoll instance: a pool, none of whose threads is the loop.
  kOther,        ///< A socket polled now and then.
};

/// Tells which waits of one process are its loops'. Pure. The roles come in the order of `readings`.
std::vector<WaitRole> FindLoops(std::span<const SlotReading> readings);

}  // namespace pyleak::attach
