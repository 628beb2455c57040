#pragma once

#include <cstdint>
#include <vector>

#include "attach/heartbeat/heartbeat.h"

namespace pyleak::attach {

/// A process has taken a region for itself.
struct RegionClaim {
  std::uint32_t region = 0;
  Heartbeat heartbeat;
};

/// The claims of an arena's regions. One that is held is told of once, whatever the target writes there meanwhile: only
/// pyleak gives regions back, and after that another process may claim it before the next look.
class RegionClaims {
 public:
  /// Those that came since the last call.
  std::vector<RegionClaim> TakeNew(const Arena& arena);
  /// Gives the region back, if it is one of these. Only when its process is gone.
  void Free(const Heartbeat& heartbeat);
  [[nodiscard]] bool empty() const { return held_.empty(); }

 private:
  std::vector<RegionClaim> held_;
};

}  // namespace pyleak::attach
