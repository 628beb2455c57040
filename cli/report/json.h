#pragma once

#include <string>

#include "cli/report/event.h"

namespace pyleak::cli {

// JSON Lines, as schema/pyleak-events.schema.json describes them: each function returns one object with the line's end.
// Pure ASCII, so that neither a terminal nor a reader that splits at U+2028 can be led astray by the target's text;
// what is no UTF-8 in it becomes U+FFFD.

std::string ToJson(const WatchStarted& started);
std::string ToJson(const BlockEvent& event);
std::string ToJson(const WatchEnded& ended);
std::string ToJson(const LoopStats& stats);
std::string ToJson(const Warning& warning);
std::string ToJson(const LoopSnapshot& snapshot);
std::string ToJson(const Check& check);

}  // namespace pyleak::cli
