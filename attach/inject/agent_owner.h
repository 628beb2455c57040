#pragma once

#include "attach/base/remote_address.h"
#include "attach/base/result.h"
#include "attach/inject/placed_agent.h"
#include "attach/memory/memory_reader.h"
#include "attach/memory/process_memory.h"
#include "attach/proc/maps.h"
#include "attach/proc/process_identity.h"

namespace pyleak::attach {

/// This pyleak, as an agent's context names its owner.
Result<PyleakOwner> OwnName();

/// kAlreadyWatched: a pyleak that still runs watches through an agent in the process, or is about to; through any but
/// the one at `own`.
Result<void> CheckUnwatched(const MemoryReader& memory, const MemoryMap& map, RemoteAddress own = RemoteAddress());

/// Makes an agent ours that an earlier watch has left. Of several pyleaks that want it one gets it, and the others are
/// told kAlreadyWatched. kAlreadyTraced: a debugger is there.
Result<void> ClaimAgent(const ProcessIdentity& process, const ProcessMemory& memory, const PlacedAgent& agent);

/// It is nobody's from now on, and may be claimed.
Result<void> GiveUpAgent(const ProcessMemory& memory, const PlacedAgent& agent);

}  // namespace pyleak::attach
