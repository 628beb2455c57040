#pragma once

#include "cli/explain/evidence.h"
#include "cli/report/event.h"

namespace pyleak::cli {

/// The cause of a block as far as the evidence goes; what it does not show is not said. Pure.
Cause ExplainBlock(const BlockEvidence& evidence);

}  // namespace pyleak::cli
