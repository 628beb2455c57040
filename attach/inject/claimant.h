#pragma once

#include "attach/base/result.h"
#include "attach/heartbeat/heartbeat.h"
#include "attach/proc/process_identity.h"

namespace pyleak::attach {

/// The process that has claimed the region of `heartbeat`: the agent notes its pid as its own pid namespace has it, so
/// that several processes may answer to it, and only one of them holds an agent with that very region. One that calls
/// itself so in our own namespace and that may not be looked into is taken at its word.
/// kNoSuchProcess: it has ended, or begun another program by exec.
Result<ProcessIdentity> FindClaimant(const Heartbeat& heartbeat);

}  // namespace pyleak::attach
