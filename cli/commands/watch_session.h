#pragma once

#include "attach/base/result.h"
#include "cli/options.h"
#include "cli/report/reporter.h"
#include "cli/watch/process_source.h"

namespace pyleak::cli {

/// A watch from its first word to its last: says that it has started, watches until it is to end, prints the summary.
/// `pid` and `process` are what the user named. The exit status that the action asks for.
Result<int> WatchAndReport(const WatchOptions& options, ProcessSource& source, Reporter& reporter, int pid,
                           const std::string& process);

}  // namespace pyleak::cli
