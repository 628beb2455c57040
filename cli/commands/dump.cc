#include <algorithm>
#include <string>

#include "attach/proc/attachable.h"
#include "cli/commands/commands.h"
#include "cli/commands/snapshot_printer.h"
#include "cli/complain.h"
#include "cli/exit_status.h"
#include "cli/loop_choice.h"
#include "cli/survey/loop_survey.h"
#include "cli/watch/watched_process.h"

namespace pyleak::cli {

int RunDump(const DumpOptions& options) {
  auto printer = SnapshotPrinter::Open(options.output);
  if (!printer) {
    Complain(printer.error().what, "give another --output");
    return kExitFailed;
  }
  auto identity = attach::OpenAttachable(options.pid);
  if (!identity) {
    Complain(identity.error(), options.pid);
    return kExitFailed;
  }
  auto process = WatchedProcess::Open(*identity);
  if (!process) {
    Complain(process.error(), options.pid);
    return kExitFailed;
  }
  auto loops = LoopSurvey(options.output.locals).Look(*process);
  std::erase_if(loops, [&](const LoopSnapshot& loop) {
    return !IsChosenThread(options.loops, loop.thread) || !IsChosenKind(options.loops, loop.loop.kind);
  });
  if (loops.empty()) {
    Complain("no event loop found in process " + std::to_string(options.pid),
             "looked for threads in epoll_wait and for the functions of known loops on every stack");
    return kExitFailed;
  }
  for (const LoopSnapshot& loop : loops) printer->Print(loop);
  return printer->Finish();
}

}  // namespace pyleak::cli
