#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "attach/heartbeat/heartbeat.h"

namespace pyleak::attach {

/// What is known of the code that makes a wait call, from its module and function.
enum class CallerVerdict {
  kUnknown,  ///< The program's own code, or a library that pyleak does not know.
  kLoop,     ///< The poll function of an event loop library.
  kNotLoop,  ///< A library that waits for one answer: a database or HTTP client, a subprocess module.
};

/// What a wait is to its thread.
enum class WaitRole {
  kLoop,         ///< The loop's own: the outermost that repeats.
  kProvisional,  ///< Came once so far. It is the loop's own if it comes again.
  kNested,       ///< Waited for inside an iteration of the thread's loop: blocking work.
  kShared,       ///< Several threads wait on the same epoll instance: a pool, none of whose threads is the loop.
  kOther,        ///< A socket polled now and then.
};

/// Tells which waits of one process are its loops'. Pure.
/// `verdicts` is asked by return address; what it lacks is kUnknown. The roles come in the order of `readings`.
std::vector<WaitRole> FindLoops(std::span<const SlotReading> readings,
                                const std::unordered_map<RemoteAddress, CallerVerdict>& verdicts);

}  // namespace pyleak::attach
