// Starts a program as `pyleak run` does, without watching it, and writes to a file who claimed a region of the
// heartbeat: a line "PID LOOPS" each, with the number of waits of that process which went round more than once.
//   preload_runner FILE COMMAND [ARGUMENT]...

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <variant>
#include <vector>

#include "attach/inject/preload_session.h"
#include "cli/launch/child_program.h"
#include "cli/launch/disregard.h"
#include "cli/launch/signal_relay.h"

namespace {

using namespace pyleak;  // NOLINT: a program of its own

void WriteRegions(const attach::Arena& arena, const char* path) {
  std::ofstream file(path);
  for (std::uint32_t i = 0; i < arena.region_count(); ++i) {
    const attach::Heartbeat heartbeat = arena.region(i);
    if (!heartbeat.live()) continue;
    int loops = 0;
    for (const attach::SlotReading& slot : heartbeat.Read()) loops += slot.iteration > 1 ? 1 : 0;
    file << heartbeat.pid() << ' ' << loops << '\n';
  }
}

int Wait(cli::ChildProgram& program, const cli::SignalRelay& relay, attach::PreloadSession& session) {
  pollfd events[] = {{relay.fd(), POLLIN, 0}, {program.process().pidfd(), POLLIN, 0}};
  while (true) {
    ::poll(events, 2, 20);
    relay.PassOn(program);
    session.KeepRoom();
    if (const auto status = program.TryWait()) return *status;
  }
}

int Fail(const std::string& what, int status) {
  std::fprintf(stderr, "preload_runner: %s\n", what.c_str());
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return Fail("a file and a command are needed", 2);
  cli::Disregard(SIGPIPE);
  auto relay = cli::SignalRelay::Open();
  if (!relay) return Fail(relay.error().what, 1);
  auto session = attach::PreloadSession::Begin(std::chrono::milliseconds(20), true);
  if (!session) return Fail(session.error().what, 1);
  auto started =
      cli::ChildProgram::Start({argv + 2, argv + argc}, session->Environment(environ), relay->inherited_mask());
  if (const auto* failure = std::get_if<cli::StartFailure>(&started)) return Fail(failure->what, failure->exit_status);
  const int status = Wait(std::get<cli::ChildProgram>(started), *relay, *session);
  WriteRegions(session->arena(), argv[1]);
  return status;
}
