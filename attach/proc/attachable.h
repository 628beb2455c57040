#pragma once

#include "attach/base/result.h"
#include "attach/proc/process_identity.h"

namespace pyleak::attach {

/// The process with this pid, if pyleak can and may look into it. Changes nothing in it.
/// kNoSuchProcess, kZombie, kKernelThread, kNotPermitted, kWrongArchitecture, kInvalidArgument (pyleak itself).
Result<ProcessIdentity> OpenAttachable(int pid);

}  // namespace pyleak::attach
