#include "cli/commands/watch_session.h"

#include "attach/trace/priority.h"
#include "cli/watch/alarm.h"
#include "cli/watch/event_maker.h"
#include "cli/watch/watch.h"

namespace pyleak::cli {

Result<int> WatchAndReport(const WatchOptions& options, ProcessSource& source, Reporter& reporter, int pid,
                           const std::string& process) {
  auto alarm = Alarm::Make();
  if (!alarm) return std::move(alarm).error();
  WatchEnded ended;
  {
    Watch watch(options, source, reporter, *alarm);
    // Beside busy neighbours a look would come after the block that it was for.
    attach::RaisePriority();
    // Before the first word, for whoever reads it may begin to rely on us.
    watch.Begin();
    reporter.OnStarted({.timestamp = Now(),
                        .pid = pid,
                        .process = process,
                        .threshold = options.threshold,
                        .check_interval = options.check_interval,
                        .children = options.children,
                        .no_agent = source.WhyNoAgent()});
    ended = watch.Run();
  }
  return reporter.OnEnded(std::move(ended));
}

}  // namespace pyleak::cli
