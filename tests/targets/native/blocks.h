#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pyleak::targets {

/// One block as the target itself saw it.
struct BlockFact {
  int line = 0;               ///< The line of blocks.cc that blocked.
  const char* name;           ///< The function that it is in.
  int error = 0;              ///< The errno of the call that blocked: EINTR must never be seen.
  std::int64_t begin_ns = 0;  ///< On CLOCK_MONOTONIC.
  std::int64_t end_ns = 0;
};

/// CLOCK_MONOTONIC in nanoseconds.
std::int64_t Now();

/// Blocks the calling thread. kinds: sleep, cpu, read (of a timer), recv (of a socket with SO_RCVTIMEO), lock (a mutex
/// that another thread never gives back in time), poll and epoll (waits of its own, nested in the loop's iteration).
std::optional<BlockFact> Block(double seconds, std::string_view kind);

}  // namespace pyleak::targets
