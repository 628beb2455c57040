#pragma once

#include <chrono>
#include <string>

#include "cli/report/color.h"
#include "cli/report/event.h"
#include "cli/report/repeated_blocks.h"
#include "symbolize/stack.h"

namespace pyleak::cli {

// Events as people read them. Each function returns whole lines without the last line's end, safe for a terminal.

struct TextStyle {
  bool native = false;  ///< Every native frame of a stack, not just the innermost.
  Palette palette{false};
};

/// "was killed by SIGKILL", "has exited with status 3".
std::string EndText(const attach::ProcessEnd& end);

/// "1.001s"; with microseconds below 10 ms, where milliseconds would not tell a block from its threshold.
std::string SecondsText(std::chrono::nanoseconds duration);

/// The frames as Python's traceback module lays them out, repeated ones folded as it does, indented by four spaces.
/// Where there are frames of an interpreted language, only the innermost native frame is shown, if it is the innermost
/// of all, unless style.native; and as "<native> name, module" unless its source text is known. In a native program
/// every frame is shown, by its source line where that is known.
std::string StackText(const symbolize::Stack& stack, const TextStyle& style);

std::string StartedText(const WatchStarted& started);
std::string OnsetText(const Onset& onset);
std::string StillBlockedText(const BlockEvent& event);
std::string BlockText(const BlockEvent& event, const TextStyle& style);
std::string CountedText(const CountedBlocks& counted);
std::string SummaryText(const WatchEnded& ended);
std::string StatsText(const LoopStats& stats);
std::string SnapshotText(const LoopSnapshot& snapshot, const TextStyle& style);
std::string CheckText(const Check& check, const TextStyle& style);

/// "ok", "note" or "problem", in JSON too.
const char* VerdictName(Check::Verdict verdict);

/// What a reader should know of how the stacks were taken: the event's own notes and those of its stacks, each once.
std::vector<std::string> CaptureNotes(const BlockEvent& event);

}  // namespace pyleak::cli
