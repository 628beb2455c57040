#pragma once

#include <chrono>

#include "attach/base/result.h"
#include "attach/inject/injection_target.h"
#include "attach/inject/placed_agent.h"

namespace pyleak::attach {

/// Runs one of the agent's functions in a borrowed thread; for how long that was taken away from its work. What the
/// agent reports as its failure is an Error.
Result<std::chrono::nanoseconds> CallInTarget(const InjectionTarget& target, const PlacedAgent& agent,
                                              RemoteAddress function);

}  // namespace pyleak::attach
