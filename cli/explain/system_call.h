#pragma once

#include <optional>
#include <string>

#include "attach/trace/thread_look.h"
#include "cli/report/event.h"

namespace pyleak::cli {

/// The descriptor that a system call works on; nothing for those that have none as their first argument.
std::optional<int> DescriptorOf(const attach::ThreadActivity& activity);

/// What a sleep in that call is. `uninterruptible`: it sleeps so for most of the time, as who waits for a disk does.
CauseKind KindOfCall(const attach::ThreadActivity& activity, bool uninterruptible);

/// "system call read on descriptor 5 (/tmp/fifo)".
std::string DescribeCall(const attach::ThreadActivity& activity, const std::optional<std::string>& target);

}  // namespace pyleak::cli
