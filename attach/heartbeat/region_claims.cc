#include "attach/heartbeat/region_claims.h"

#include <utility>

namespace pyleak::attach {

std::vector<RegionClaim> RegionClaims::TakeNew(const Arena& arena) {
  std::vector<RegionClaim> claims;
  for (std::uint32_t i = 0; i < arena.region_count(); ++i) {
    const Heartbeat heartbeat = arena.region(i);
    if (!heartbeat.live()) continue;
    const HeartbeatTime claimed_at = heartbeat.claimed_at();
    if (std::exchange(seen_[i], claimed_at) != claimed_at) claims.push_back({i, heartbeat});
  }
  return claims;
}

}  // namespace pyleak::attach
