#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "attach/heartbeat/heartbeat.h"

namespace pyleak::attach {

/// A process has taken a region for itself.
struct RegionClaim {
  std::uint32_t region = 0;
  Heartbeat heartbeat;
};

/// Tells the claims of an arena's regions apart. A region that has been freed may belong to another process at the next
/// look already, so that its number says nothing.
class RegionClaims {
 public:
  /// Those that came since the last call.
  std::vector<RegionClaim> TakeNew(const Arena& arena);

 private:
  std::map<std::uint32_t, HeartbeatTime> seen_;  ///< When each region was claimed.
};

}  // namespace pyleak::attach
