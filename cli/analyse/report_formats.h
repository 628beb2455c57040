#pragma once

#include <string>

#include "cli/analyse/recording.h"
#include "cli/report/color.h"

namespace pyleak::cli {

// What `pyleak report` makes of a recording, a format each. All of it ends with a line's end.

/// For people: totals, the groups with most blocked time, the longest blocks. Safe for a terminal.
std::string ReportText(const Recording& recording, const Palette& palette);

/// One JSON object with everything: the type Report of schema/pyleak-events.schema.json.
std::string ReportJson(const Recording& recording);

/// A line for each stack, root first, frames separated by semicolons, and milliseconds of block: what flamegraph.pl,
/// inferno and speedscope read. What is less than half a millisecond in all is left out.
std::string FoldedStacks(const Recording& recording);

/// speedscope's file format: a profile for each thread, each sample weighted in milliseconds of block.
std::string SpeedscopeJson(const Recording& recording);

/// Chrome's trace event format, which Perfetto reads too: a complete event for each block, in its thread.
std::string ChromeTrace(const Recording& recording);

}  // namespace pyleak::cli
