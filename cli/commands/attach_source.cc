#include "cli/commands/attach_source.h"

#include <csignal>
#include <utility>

#include "attach/agent/embedded_agent.h"
#include "attach/proc/process_tree.h"
#include "attach/proc/stat.h"
#include "cli/watch/event_maker.h"
#include "symbolize/elf/elf_image.h"

namespace pyleak::cli {
namespace {

/// How often modules that were loaded since, new children and new programs are looked for. A wait that is called
/// through a new module before that is not watched until then.
constexpr std::chrono::milliseconds kSurveyInterval(100);

/// Regions of the shared memory that an agent's forked children can claim; memory is taken only as it is written.
constexpr std::uint32_t kRegionsWithChildren = 64;

attach::InjectionOptions InjectionOptionsOf(const WatchOptions& options) {
  return {.threshold = options.threshold,
          .region_count = options.children ? kRegionsWithChildren : 1,
          .follow_children = options.children};
}

/// Stacks lead through the agent's functions, which no file backs.
void AddAgentImage(const attach::InjectedAgent& agent, WatchedProcess& process) {
  const auto bytes = attach::EmbeddedAgent();
  auto image = symbolize::ElfImage::FromBytes({bytes.begin(), bytes.end()});
  if (image) process.symbols().AddImage(agent.range(), *std::move(image), agent.range().begin.value());
}

}  // namespace

Result<std::unique_ptr<AttachSource>> AttachSource::Attach(const attach::ProcessIdentity& root,
                                                           const WatchOptions& options, const SignalInbox& signals) {
  std::unique_ptr<AttachSource> source(new AttachSource(root, options, signals));
  auto placed = source->Place(root);
  if (!placed) return std::move(placed).error();
  return source;
}

Result<void> AttachSource::Place(const attach::ProcessIdentity& process) {
  auto agent = attach::InjectedAgent::Inject(process, InjectionOptionsOf(options_));
  if (!agent) return std::move(agent).error();
  placed_.push_back(std::make_unique<Placed>(Placed{process, *std::move(agent), {}}));
  if (const auto stat = attach::ReadStat(process.pid())) {
    tried_.insert({process.pid(), stat->start_ticks, stat->stack_start});
  }
  return {};
}

std::vector<FoundProcess> AttachSource::TakeNew() {
  std::vector<FoundProcess> found;
  const auto now = std::chrono::steady_clock::now();
  if (now >= next_survey_) {
    next_survey_ = now + kSurveyInterval;
    for (auto& placed : placed_) {
      if (auto extended = placed->agent.ExtendToNewModules(); !extended && placed->process.StillRuns()) {
        Warn("new_modules", "modules loaded since cannot be watched: " + extended.error().what, placed->process.pid());
      }
    }
    PlaceInNewPrograms();
  }
  for (auto& placed : placed_) TakeRegions(*placed, found);
  return found;
}

void AttachSource::PlaceInNewPrograms() {
  std::vector<int> pids{root_.pid()};
  if (options_.children) {
    const std::vector<int> descendants = attach::Descendants(root_.pid());
    pids.insert(pids.end(), descendants.begin(), descendants.end());
  }
  for (const int pid : pids) {
    const auto stat = attach::ReadStat(pid);
    if (!stat || !tried_.insert({pid, stat->start_ticks, stat->stack_start}).second) continue;
    auto identity = attach::ProcessIdentity::Open(pid);
    if (!identity) continue;
    const auto placed = Place(*identity);
    // A forked child has its parent's agent already, and claims a region of its own when it waits.
    if (placed || placed.error().code == ErrorCode::kAlreadyWatched || !identity->StillRuns()) continue;
    Warn("not_watched", "process " + std::to_string(pid) + " cannot be watched: " + placed.error().what, pid);
  }
}

void AttachSource::TakeRegions(Placed& placed, std::vector<FoundProcess>& found) {
  for (const attach::RegionClaim& claim : placed.claims.TakeNew(placed.agent.arena())) {
    // The first is the target's own; the others number themselves as its pid namespace does.
    auto identity = attach::ProcessIdentity::Open(claim.region == 0 ? placed.process.pid() : claim.heartbeat.pid());
    if (!identity) continue;
    auto process = WatchedProcess::Open(*identity);
    if (!process) continue;
    AddAgentImage(placed.agent, **process);
    if (!(*process)->interpreter_problem().empty()) {
      Warn("no_python_stacks", "Python stacks cannot be read: " + (*process)->interpreter_problem(), identity->pid());
    }
    found.push_back({*std::move(process), claim.heartbeat, claim.region == 0});
  }
}

void AttachSource::Warn(const std::string& code, const std::string& message, int pid) {
  warnings_.push_back({Now(), code, message, pid});
}

std::vector<Warning> AttachSource::TakeWarnings() { return std::exchange(warnings_, {}); }

void AttachSource::Release(const FoundProcess& process) {
  process.heartbeat.Free();
  std::erase_if(placed_, [&](const auto& placed) { return placed->process.pid() == process.process->pid(); });
}

std::optional<EndReason> AttachSource::ReasonToEnd() {
  if (const auto signal = signals_.Take()) {
    return *signal == SIGINT ? EndReason::kInterrupted : EndReason::kTerminated;
  }
  if (!root_.StillRuns()) return EndReason::kTargetEnded;
  return std::nullopt;
}

std::vector<int> AttachSource::wakers() const { return {signals_.fd(), root_.pidfd()}; }

std::vector<std::string> AttachSource::Detach() {
  std::vector<std::string> left;
  for (auto& placed : placed_) {
    if (!placed->process.StillRuns()) continue;
    const std::string where = "process " + std::to_string(placed->process.pid()) + ": ";
    const auto removal = placed->agent.Remove();
    if (!removal && placed->process.StillRuns()) left.push_back(where + removal.error().what);
    if (removal && !removal->unmapped()) left.push_back(where + removal->left_because);
  }
  placed_.clear();
  return left;
}

}  // namespace pyleak::cli
