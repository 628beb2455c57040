#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "attach/base/file.h"
#include "cli/analyse/recording.h"
#include "cli/analyse/report_formats.h"
#include "cli/commands/commands.h"
#include "cli/complain.h"
#include "cli/exit_status.h"
#include "cli/report/output.h"

namespace pyleak::cli {
namespace {

Result<UniqueFd> OpenInput(const std::string& name) {
  if (name != "-") return OpenFile(name, O_RDONLY);
  UniqueFd copy(::dup(STDIN_FILENO));
  if (!copy) return ErrnoError("reading standard input");
  return copy;
}

std::string Written(const Recording& recording, ReportFormat format, const Palette& palette) {
  switch (format) {
    case ReportFormat::kText:
      break;
    case ReportFormat::kJson:
      return ReportJson(recording);
    case ReportFormat::kFolded:
      return FoldedStacks(recording);
    case ReportFormat::kSpeedscope:
      return SpeedscopeJson(recording);
    case ReportFormat::kChrome:
      return ChromeTrace(recording);
  }
  return ReportText(recording, palette);
}

int Fail(const Error& error, const char* hint) {
  Complain(error.what, hint);
  return kExitFailed;
}

}  // namespace

int RunReport(const ReportOptions& options) {
  auto input = OpenInput(options.file);
  if (!input) return Fail(input.error(), "give a file that `pyleak attach --format json --output FILE` wrote, or -");
  const auto recording = ReadRecording(*input);
  if (!recording) return Fail(recording.error(), "give a file that `pyleak attach --format json --output FILE` wrote");
  if (recording->watches == 0 && recording->blocks.empty()) {
    Complain(options.file + " has no records of pyleak in it", "record some: pyleak attach PID --format json -o FILE");
    return kExitFailed;
  }
  auto output = Output::Open(options.output);
  if (!output) return Fail(output.error(), "give another --output");
  const bool colored = UseColor(options.color, ReadColorEnvironment(), output->is_terminal());
  output->Write(Written(*recording, options.format, Palette(colored)));
  if (const auto failure = output->TakeFailure()) return Fail(*failure, "");
  return kExitFine;
}

}  // namespace pyleak::cli
