#pragma once

#include <string>

#include "cli/options.h"
#include "cli/report/event.h"

namespace pyleak::cli {

/// --loop and --thread: whether the user asked for this loop.
bool IsChosen(const LoopChoice& choice, const ThreadName& thread, const std::string& kind);

}  // namespace pyleak::cli
