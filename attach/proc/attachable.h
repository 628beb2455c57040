#pragma once

#include "attach/base/result.h"
#include "attach/proc/process_identity.h"

namespace pyleak::attach {

/// The process with this pid, if pyleak can and may look into it. Changes nothing in it.
/// kNoSuchProcess, kZombie, kKernelThread, kNotPermitted, kWrongArchitecture, kInvalidArgument (pyleak itself).
Result<ProcessIdentity> OpenAttachable(int pid);

/// What comes to its end looks like anything: a file that is not there, memory that cannot be read. That it has ended
/// is what to say then.
Error UnlessEnded(Error error, const ProcessIdentity& process);

}  // namespace pyleak::attach
