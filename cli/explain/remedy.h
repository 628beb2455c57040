#pragma once

#include <string>

#include "attach/trace/thread_look.h"
#include "cli/report/event.h"
#include "symbolize/stack.h"

namespace pyleak::cli {

/// What the program should do instead, in one clause: "time.sleep blocks the loop, use asyncio.sleep". Empty unless the
/// stack leaves no doubt. `call`: what the thread slept in; no matter where it did not sleep.
std::string RemedyFor(CauseKind kind, const attach::ThreadActivity& call, const symbolize::Stack& stack,
                      const std::string& loop_kind);

}  // namespace pyleak::cli
