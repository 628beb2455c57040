#include <array>
#include <csignal>

#include "attach/proc/attachable.h"
#include "attach/proc/stat.h"
#include "cli/commands/attach_source.h"
#include "cli/commands/commands.h"
#include "cli/commands/watch_session.h"
#include "cli/complain.h"
#include "cli/exit_status.h"
#include "cli/report/reporter.h"
#include "cli/watch/signal_inbox.h"

namespace pyleak::cli {
namespace {

/// The signals with which a user or a service manager ends a watch: each must leave the target as it was.
constexpr std::array kEndSignals{SIGINT, SIGTERM, SIGHUP};

int Fail(const Error& error, int pid) {
  Complain(error, pid);
  return kExitFailed;
}

}  // namespace

int RunAttach(const AttachOptions& options) {
  auto signals = SignalInbox::Open(kEndSignals);
  if (!signals) return Fail(signals.error(), options.pid);
  auto process = attach::OpenAttachable(options.pid);
  if (!process) return Fail(process.error(), options.pid);
  auto reporter = Reporter::Open(options.watch);
  if (!reporter) {
    Complain(reporter.error().what, "give another --output or --log-file");
    return kExitFailed;
  }
  auto source = AttachSource::Attach(*process, options.watch, *signals);
  if (!source) return Fail(attach::UnlessEnded(source.error(), *process), options.pid);
  const auto stat = attach::ReadStat(options.pid);
  const auto status =
      WatchAndReport(options.watch, **source, *reporter, options.pid, stat ? stat->name : std::string());
  for (const std::string& left : (*source)->Detach()) {
    Complain("the agent stays in the target, where it does nothing: " + left, "the next attach takes it up again");
  }
  if (!status) return Fail(status.error(), options.pid);
  if ((*source)->failure()) return Fail(*(*source)->failure(), options.pid);
  return *status;
}

}  // namespace pyleak::cli
