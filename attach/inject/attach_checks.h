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
  std::optional<Error> problem;  ///< What an attach would be refused with.
};

/// What an attach to the process would find, by the very functions that it uses itself. It goes on after a problem as
/// far as it can. Nothing is written and no thread is stopped.
std::vector<AttachCheck> CheckAttach(int pid);

/// The same for `run`, without a program: where its files could lie. They are made, and removed again.
AttachCheck CheckRun();

}  // namespace pyleak::attach
