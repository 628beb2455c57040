/// Takes samples of one thread as a watch does, by turns with the least that a stop can cost, and prints in JSON how
/// many nanoseconds each took.
///     freeze_cost PID ROUNDS
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <vector>

#include "attach/proc/process_identity.h"
#include "attach/trace/priority.h"
#include "cli/watch/sampler.h"

namespace pyleak::cli {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

/// Between two stops the thread runs or sleeps again.
constexpr std::chrono::milliseconds kPause(1);

/// SEIZE, INTERRUPT, wait, DETACH, and nothing else; of a thread that sleeps in a call which the kernel begins again.
nanoseconds Floor(int tid) {
  ::ptrace(PTRACE_SEIZE, tid, nullptr, nullptr);
  const auto begin = steady_clock::now();
  ::ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
  int status = 0;
  ::waitpid(tid, &status, __WALL);
  ::ptrace(PTRACE_DETACH, tid, nullptr, nullptr);
  return steady_clock::now() - begin;
}

void Print(const char* name, const std::vector<nanoseconds>& times, const char* end) {
  std::printf("\"%s\": [", name);
  for (std::size_t i = 0; i < times.size(); ++i) std::printf("%s%ld", i == 0 ? "" : ", ", times[i].count());
  std::printf("]%s", end);
}

bool Run(int pid, int rounds) {
  const auto identity = attach::ProcessIdentity::Open(pid);
  if (!identity) return false;
  auto process = WatchedProcess::Open(*identity);
  auto look = attach::ThreadLook::Open({pid, pid});
  if (!process || !look) return false;
  (*process)->FindInterpreter();
  Sampler sampler(std::nullopt);
  attach::Tracer tracer;
  std::vector<nanoseconds> floors;
  std::vector<nanoseconds> samples;
  for (int i = 0; i < rounds; ++i) {
    floors.push_back(tracer.Run([pid] { return Floor(pid); }));
    ::usleep(std::chrono::microseconds(kPause).count());
    const auto sample = sampler.Take(**process, *look);
    if (!sample || !*sample) return false;
    samples.push_back((*sample)->freeze);
    ::usleep(std::chrono::microseconds(kPause).count());
  }
  std::printf("{");
  Print("floor", floors, ", ");
  Print("sample", samples, "}\n");
  return true;
}

}  // namespace
}  // namespace pyleak::cli

int main(int argc, char** argv) {
  if (argc == 3 && pyleak::cli::Run(std::atoi(argv[1]), std::atoi(argv[2]))) return 0;
  std::fprintf(stderr, "freeze_cost: could not sample the thread\n");
  return 1;
}
