#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pyleak::targets {

/// One block as the target itself saw it.
struct BlockFact {
  int line = 0;               ///< The line of blocks.cc that blocked.
  const char* name;           ///< The function that it is in.
  int error = 0;              ///< The errno of the call that blocked: EINTR must never be seen.
  std::int64_t begin_ns = 0;  ///< On CLOCK_MONOTONIC.
  std::int64_t end_ns = 0;
  std::int64_t cpu_ns = 0;       ///< On the CPU meanwhile, by the thread's own clock.
  std::int64_t runqueue_ns = 0;  ///< Without a CPU meanwhile, though ready for one; by its own schedstat.
  const char* filename = "tests/targets/native/blocks.cc";
  std::string object;  ///< What the call waited for, where it is a slow one.
};

/// CLOCK_MONOTONIC in nanoseconds.
std::int64_t Now();

/// Blocks the calling thread. kinds: sleep, cpu, read (of a timer), recv (of a socket with SO_RCVTIMEO), lock (a mutex
/// that another thread never gives back in time), poll and epoll (waits of its own, nested in the loop's iteration),
/// and those of slow_calls.h, which take the argument.
std::optional<BlockFact> Block(double seconds, std::string_view kind, const std::string& argument = "");

}  // namespace pyleak::targets
