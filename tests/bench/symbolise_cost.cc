/// Takes samples of one thread, lets the journal make an event of each, and prints in JSON how many nanoseconds each
/// event took of a CPU: unwinding, names, merging, cause, JSON. The first half, in which caches are filled, is left
/// out.
///     symbolise_cost PID ROUNDS
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "attach/proc/process_identity.h"
#include "cli/watch/block_journal.h"

namespace pyleak::cli {
namespace {

using std::chrono::nanoseconds;

/// Longer than a thread that wanders stays at one place, so that no stack comes twice.
constexpr std::chrono::milliseconds kPause(1);

nanoseconds CpuTime() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

/// The samples of a block each; none if the thread cannot be sampled.
std::vector<RawSample> TakeSamples(WatchedProcess& process, int rounds) {
  auto look = attach::ThreadLook::Open({process.pid(), process.pid()});
  if (!look) return {};
  Sampler sampler(std::nullopt);
  std::vector<RawSample> samples;
  for (int i = 0; i < rounds; ++i) {
    auto sample = sampler.Take(process, *look);
    if (!sample || !*sample) return {};
    samples.push_back(**std::move(sample));
    ::usleep(std::chrono::microseconds(kPause).count());
  }
  return samples;
}

std::vector<nanoseconds> MakeEvents(std::vector<RawSample> samples, const std::shared_ptr<const LoopFacts>& loop,
                                    const WatchOptions& options, Reporter& reporter) {
  BlockJournal journal(options, reporter, {[](const auto&) {}, [](const auto&) {}, [](auto, const auto&) {}, [](auto) {}});
  std::vector<nanoseconds> times;
  for (RawSample& sample : samples) {
    const auto at = sample.taken_at;
    const BlockKey key{0, at - options.threshold, times.size()};
    const auto begin = CpuTime();
    journal.OnSample(key, std::move(sample), {});
    journal.OnFinished(key, loop, {times.size(), key.begin, at});
    times.push_back(CpuTime() - begin);
  }
  return times;
}

bool Run(int pid, int rounds) {
  const auto identity = attach::ProcessIdentity::Open(pid);
  if (!identity) return false;
  auto process = WatchedProcess::Open(*identity);
  if (!process) return false;
  WatchOptions options;
  options.output = {.format = Format::kJson, .output = "/dev/null", .locals = std::nullopt};
  auto reporter = Reporter::Open(options);
  if (!reporter) return false;
  const LoopFacts facts{.process = *process,
                        .thread = {pid, pid, "subject", "subject"},
                        .loop = {},
                        .kind = {"generic", symbolize::LoopKind::Verdict::kLoop},
                        .caller = {}};
  const auto times =
      MakeEvents(TakeSamples(**process, rounds), std::make_shared<const LoopFacts>(facts), options, *reporter);
  if (times.empty()) return false;
  std::printf("[");
  for (std::size_t i = times.size() / 2; i < times.size(); ++i) {
    std::printf("%s%ld", i == times.size() / 2 ? "" : ", ", times[i].count());
  }
  std::printf("]\n");
  return true;
}

}  // namespace
}  // namespace pyleak::cli

int main(int argc, char** argv) {
  if (argc == 3 && pyleak::cli::Run(std::atoi(argv[1]), std::atoi(argv[2]))) return 0;
  std::fprintf(stderr, "symbolise_cost: could not sample the thread\n");
  return 1;
}
