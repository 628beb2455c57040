#include "attach/heartbeat/region_claims.h"

#include <algorithm>

namespace pyleak::attach {

std::vector<RegionClaim> RegionClaims::TakeNew(const Arena& arena) {
  std::vector<RegionClaim> claims;
  for (std::uint32_t i = 0; i < arena.region_count(); ++i) {
    const Heartbeat heartbeat = arena.region(i);
    if (heartbeat.live() && std::ranges::find(held_, i, &RegionClaim::region) == held_.end()) {
      claims.push_back({i, heartbeat});
    }
  }
  held_.insert(held_.end(), claims.begin(), claims.end());
  return claims;
}

void RegionClaims::Free(const Heartbeat& heartbeat) {
  const auto is_it = [&](const RegionClaim& claim) { return claim.heartbeat.IsSameRegion(heartbeat); };
  if (std::erase_if(held_, is_it) != 0) heartbeat.Free();
}

}  // namespace pyleak::attach
