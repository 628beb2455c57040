#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attach/base/result.h"

namespace pyleak::attach {

/// One of the things that an attach needs.
struct AttachCheck {
  std::string subject;
  std::string finding;           ///< What is so, if nothing speaks against an attach here.
  std::optional<Error> problem;  ///< What an attach, or its agent, would be refused with.
  bool agent_only = false;       ///< The problem is one for the agent: looks from outside would do without.
};

/// Of a process that may be looked into: whether what keeps the agent out leaves looks from outside.
bool CanBeWatchedWithoutAgent(ErrorCode why_no_agent);

/// What an attach to the process would find, by the very functions that it uses itself. It goes on after a problem as
/// far as it can. Nothing is written and no thread is stopped.
std::vector<AttachCheck> CheckAttach(int pid);

/// The same for `run`, without a program: where its files could lie. They are made, and removed again.
AttachCheck CheckRun();

}  // namespace pyleak::attach
