#include <csignal>
#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/complain.h"
#include "cli/exit_status.h"
#include "cli/launch/disregard.h"
#include "cli/options.h"

namespace pyleak::cli {
namespace {

struct Dispatch {
  int operator()(const UsageError& error) const {
    Complain(error.what, error.hint);
    return kExitUsage;
  }
  int operator()(const ShowText& show) const {
    std::fputs(show.text.c_str(), stdout);
    return std::fflush(stdout) == 0 ? kExitFine : kExitFailed;
  }
  int operator()(const AttachOptions& options) const { return RunAttach(options); }
  int operator()(const RunOptions& options) const { return RunRun(options); }
  int operator()(const DumpOptions& options) const { return RunDump(options); }
  int operator()(const ListOptions& options) const { return RunList(options); }
  int operator()(const DoctorOptions& options) const { return RunDoctor(options); }
  int operator()(const ReportOptions& options) const { return RunReport(options); }
};

}  // namespace
}  // namespace pyleak::cli

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): no memory left is the end of us
  using namespace pyleak::cli;     // NOLINT: main is the program
  // A closed pipe and a full file are results of write(2), not the end of us: the target must be left as it was.
  Disregard(SIGPIPE);
  Disregard(SIGXFSZ);
  return std::visit(Dispatch{}, ParseCommandLine(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc)));
}
