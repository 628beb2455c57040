#include <poll.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "attach/inject/preload_session.h"
#include "cli/advice.h"
#include "cli/commands/commands.h"
#include "cli/commands/run_source.h"
#include "cli/commands/watch_session.h"
#include "cli/complain.h"
#include "cli/exit_status.h"
#include "cli/launch/child_program.h"
#include "cli/launch/signal_relay.h"

namespace pyleak::cli {
namespace {

/// Waits for the program when the watch has ended before it: its exit status is ours.
int WaitFor(ChildProgram& program, const SignalRelay& relay) {
  for (;;) {
    relay.PassOn(program);
    if (const auto status = program.TryWait()) return *status;
    pollfd wakers[] = {{relay.fd(), POLLIN, 0}, {program.process().pidfd(), POLLIN, 0}};
    ::poll(wakers, 2, -1);
  }
}

std::vector<std::string> OwnEnvironment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
  return variables;
}

int Fail(const Error& error, std::string_view hint) {
  Complain(error.what, hint);
  return kExitFailed;
}

}  // namespace

int RunRun(const RunOptions& options) {
  auto relay = SignalRelay::Open();
  if (!relay) return Fail(relay.error(), "");
  auto reporter = Reporter::Open(options.watch);
  if (!reporter) return Fail(reporter.error(), "give another --output or --log-file");
  std::optional<attach::PreloadSession> session;
  if (options.watch.agent == AgentMode::kAuto) {
    auto begun = attach::PreloadSession::Begin(options.watch.threshold, options.watch.children);
    if (!begun) return Fail(begun.error(), kNoPlaceForFiles);
    session.emplace(*std::move(begun));
  }
  const auto environment = session ? session->Environment(environ) : OwnEnvironment();
  auto started = ChildProgram::Start(options.command, environment, relay->inherited_mask());
  if (const auto* failure = std::get_if<StartFailure>(&started)) {
    Complain(failure->what, failure->hint);
    return failure->exit_status;
  }
  auto& program = std::get<ChildProgram>(started);
  RunSource source(session ? &*session : nullptr, program, *relay, options.watch.children);
  const auto status =
      WatchAndReport(options.watch, source, *reporter, program.process().pid(), options.command.front());
  const int program_status = WaitFor(program, *relay);
  if (!status) return Fail(status.error(), "");
  return program_status != 0 ? program_status : *status;
}

}  // namespace pyleak::cli
