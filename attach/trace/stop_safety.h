#pragma once

#include "attach/proc/thread_id.h"
#include "attach/trace/thread_look.h"

namespace pyleak::attach {

/// True if a stop leaves no trace in what the thread does: it runs, or sleeps in a system call that then ends as it
/// would have and at the same time, because the kernel begins it again with its deadline kept, or FrozenThread can.
///
/// False where a timeout would begin anew, or a part of the work be handed back as if it were the whole; and for every
/// call that is not known. Where it depends on a descriptor, that is looked at for a moment, and nothing changed.
bool IsSafeToStop(ThreadId thread, const ThreadActivity& activity);

}  // namespace pyleak::attach
