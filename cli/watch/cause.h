#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "attach/trace/thread_look.h"
#include "cli/report/event.h"

namespace pyleak::cli {

/// What one sample tells of the reason.
struct SampleEvidence {
  attach::ThreadActivity activity;
  std::optional<std::string> target;  ///< What the system call's descriptor stands for, as /proc/PID/fd has it.
  std::string source_line;            ///< Of the innermost frame that has one.
};

/// The descriptor that a system call works on; nothing for those that have none as their first argument.
std::optional<int> DescriptorOf(const attach::ThreadActivity& activity);

/// The cause of a block as far as its samples agree on one; what they do not show is not said. `loop_kind` decides
/// which advice fits.
Cause ExplainBlock(std::span<const SampleEvidence> samples, const std::string& loop_kind);

}  // namespace pyleak::cli
