#pragma once

#include <memory>

#include "cli/report/event_writer.h"
#include "cli/report/output.h"

namespace pyleak::cli {

/// Writes each event as a line of JSON when it happens; an onset is none. `output` must outlive the writer.
std::unique_ptr<EventWriter> MakeJsonWriter(Output& output);

}  // namespace pyleak::cli
