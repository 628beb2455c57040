#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "attach/base/result.h"
#include "attach/inject/injection_target.h"
#include "attach/inject/placed_agent.h"

namespace pyleak::attach {

struct RemovalReport {
  std::size_t threads_led_out = 0;
  /// Threads that could not be led out of the agent in time, or why they may come back to it: its memory then stays
  /// mapped, and does nothing.
  std::string left_because;
  /// The longest time that one thread was held.
  std::chrono::nanoseconds longest_hold{};

  [[nodiscard]] bool unmapped() const { return left_because.empty(); }
};

/// Puts the import slots back, leads the threads that wait inside the agent out of it, and unmaps its memory once no
/// thread is inside. After an Error the slots may still be redirected; the target runs on either way.
Result<RemovalReport> RemoveAgent(const InjectionTarget& target, const PlacedAgent& agent);

/// Unmaps what a pyleak that was killed had not yet made an agent.
Result<void> RemoveDebris(const InjectionTarget& target, std::span<const AddressRange> debris);

}  // namespace pyleak::attach
