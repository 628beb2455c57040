#include "cli/commands/snapshot_printer.h"

#include <unistd.h>

#include <utility>

#include "cli/complain.h"
#include "cli/exit_status.h"
#include "cli/report/json.h"

namespace pyleak::cli {

Result<SnapshotPrinter> SnapshotPrinter::Open(const OutputOptions& options) {
  auto output = Output::Open(options.output);
  if (!output) return std::move(output).error();
  const bool colored = UseColor(options.color, ReadColorEnvironment(), output->is_terminal());
  return SnapshotPrinter(*std::move(output), options.format, TextStyle{options.native, Palette(colored)});
}

void SnapshotPrinter::Print(const LoopSnapshot& loop) {
  output_.Write(format_ == Format::kJson ? ToJson(loop) : SnapshotText(loop, style_) + "\n");
}

void SnapshotPrinter::Print(const Check& check) {
  output_.Write(format_ == Format::kJson ? ToJson(check) : CheckText(check, style_) + "\n");
}

void SnapshotPrinter::PrintLine(const LoopSnapshot& loop) {
  LoopSnapshot without_stack = loop;
  without_stack.blocking_stack.reset();
  without_stack.native_stack.reset();
  Print(without_stack);
}

int SnapshotPrinter::Finish() {
  const auto failure = output_.TakeFailure();
  if (!failure) return kExitFine;
  Complain(failure->what, "");
  return kExitFailed;
}

}  // namespace pyleak::cli
