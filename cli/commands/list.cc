#include <string>
#include <vector>

#include "attach/proc/attachable.h"
#include "attach/proc/process_list.h"
#include "cli/commands/commands.h"
#include "cli/commands/snapshot_printer.h"
#include "cli/complain.h"
#include "cli/exit_status.h"
#include "cli/survey/loop_survey.h"
#include "cli/watch/watched_process.h"

namespace pyleak::cli {
namespace {

/// The loops of a process, or why it has none to show.
Result<std::vector<LoopSnapshot>> LoopsOf(int pid) {
  auto identity = attach::OpenAttachable(pid);
  if (!identity) return std::move(identity).error();
  auto process = WatchedProcess::Open(*identity);
  if (!process) return std::move(process).error();
  return LoopSurvey().Look(*process);
}

}  // namespace

int RunList(const ListOptions& options) {
  auto printer = SnapshotPrinter::Open(options.output);
  if (!printer) {
    Complain(printer.error().what, "give another --output");
    return kExitFailed;
  }
  if (options.pid) {
    const auto loops = LoopsOf(*options.pid);
    if (!loops) {
      Complain(loops.error(), *options.pid);
      return kExitFailed;
    }
    for (const LoopSnapshot& loop : *loops) printer->PrintLine(loop);
    return printer->Finish();
  }
  // Processes that have ended meanwhile are left out: the others were asked for.
  const attach::EpollProcesses processes = attach::FindEpollProcesses();
  for (const int pid : processes.pids) {
    const auto loops = LoopsOf(pid);
    if (!loops) continue;
    for (const LoopSnapshot& loop : *loops) printer->PrintLine(loop);
  }
  if (processes.closed > 0) {
    Complain(std::to_string(processes.closed) + " more process(es) may not be looked at by this user",
             "sudo pyleak list");
  }
  return printer->Finish();
}

}  // namespace pyleak::cli
