#pragma once

#include <string>

#include "attach/trace/call_object.h"
#include "attach/trace/thread_look.h"
#include "cli/report/event.h"

namespace pyleak::cli {

/// What a sleep in that call is. `uninterruptible`: it sleeps so for most of the time, as who waits for a disk does.
CauseKind KindOfCall(const attach::ThreadActivity& activity, bool uninterruptible);

/// "system call read on descriptor 5 (/tmp/fifo)".
std::string DescribeCall(const attach::ThreadActivity& activity, const attach::CallObject& object);

}  // namespace pyleak::cli
