#pragma once

#include <optional>

#include "attach/base/result.h"
#include "attach/inject/agent_image.h"
#include "attach/inject/injection_target.h"
#include "attach/inject/placed_agent.h"

namespace pyleak::attach {

/// Removes what pyleaks that are no longer there have left in a process. What cannot be removed, because the program
/// may call it or a thread is inside for good, is claimed for the caller if it is an agent with this very image: he
/// takes it up again, or gives it up. kAlreadyWatched: another pyleak is at work there.
Result<std::optional<PlacedAgent>> RemoveLeftovers(const InjectionTarget& target, const AgentImage& image);

}  // namespace pyleak::attach
