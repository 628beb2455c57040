#pragma once

#include <string>

#include "cli/options.h"
#include "cli/report/event.h"

namespace pyleak::cli {

/// --thread: whether the user asked for loops of this thread.
bool IsChosenThread(const LoopChoice& choice, const ThreadName& thread);
/// --loop: whether the user asked for loops of this kind.
bool IsChosenKind(const LoopChoice& choice, const std::string& kind);

}  // namespace pyleak::cli
