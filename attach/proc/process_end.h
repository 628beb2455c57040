#pragma once

#include <optional>

#include "attach/proc/process_identity.h"

namespace pyleak::attach {

/// How a process has ended.
struct ProcessEnd {
  int exit_status = 0;  ///< What it passed to exit(3), unless a signal has ended it.
  int signal = 0;       ///< 0: none has ended it.

  bool operator==(const ProcessEnd&) const = default;
};

/// Of a process that has ended. Nothing: its parent has waited for it already, and the kernel (before 6.15) has kept no
/// word of it; or it runs still.
std::optional<ProcessEnd> HowItEnded(const ProcessIdentity& process);

}  // namespace pyleak::attach
