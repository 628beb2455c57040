#include "cli/commands/attach_source.h"

#include <unistd.h>

#include <csignal>
#include <utility>

#include "attach/agent/embedded_agent.h"
#include "attach/inject/attach_checks.h"
#include "attach/inject/claimant.h"
#include "attach/proc/attachable.h"
#include "attach/proc/process_tree.h"
#include "cli/watch/event_maker.h"
#include "symbolize/elf/elf_image.h"

namespace pyleak::cli {
namespace {

/// How often modules that were loaded since, new children and new programs are looked for. A wait that is called
/// through a new module before that is not watched until then.
constexpr std::chrono::milliseconds kSurveyInterval(100);

/// How long an attach waits for its agent before it goes on without, and how long one try to place it may take.
constexpr std::chrono::milliseconds kQuickly(500);
constexpr std::chrono::milliseconds kPatience(1000);

attach::InjectionOptions InjectionOptionsOf(const WatchOptions& options) {
  return {.threshold = options.threshold, .follow_children = options.children, .patience = kPatience};
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
  const auto deadline = std::chrono::steady_clock::now() + kQuickly;
  if (auto joined = source->JoinRoot(deadline); !joined) return std::move(joined).error();
  // The children that are there already are watched from the first word on too, if they can be.
  source->JoinNewPrograms();
  for (const auto& child : source->joining_) child->agent.wait_until(deadline);
  return source;
}

Result<void> AttachSource::JoinRoot(std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    auto joined = Join(root_);
    if (joined && options_.agent == AgentMode::kNone) return joined;
    if (joined) {
      Joining& joining = *joining_.front();
      if (joining.agent.wait_until(deadline) != std::future_status::ready) return joined;
      // What speaks against it is known at once, and is the user's to hear before anything else.
      const auto process = joining.process;
      joined = FinishPlacing(joining);
      if (!joined && joined.error().code == ErrorCode::kTimedOut) return {};
      if (!joined && attach::CanBeWatchedWithoutAgent(joined.error().code)) {
        WarnOfNoAgent(process, joined.error());
        return {};
      }
    }
    const bool began_another = !joined && joined.error().code == ErrorCode::kNoSuchProcess && root_.StillRuns();
    if (!began_another || std::chrono::steady_clock::now() >= deadline) return joined;
  }
}

Result<void> AttachSource::Join(const attach::ProcessIdentity& identity) {
  auto process = WatchedProcess::Open(identity);
  if (!process) return std::move(process).error();
  if (!(*process)->interpreter_problem().empty()) {
    Warn("no_python_stacks", "Python stacks cannot be read: " + (*process)->interpreter_problem(), identity.pid());
  }
  tried_.insert((*process)->program());
  if (options_.agent == AgentMode::kNone) {
    GoWithout(*process, "--agent none");
    return {};
  }
  joining_.push_back(std::make_unique<Joining>(Joining{.process = *std::move(process), .agent = {}}));
  BeginPlacing(*joining_.back());
  return {};
}

void AttachSource::GoWithout(const std::shared_ptr<WatchedProcess>& process, const std::string& why) {
  without_agent_.push_back(process);
  if (process->pid() == root_.pid()) why_no_agent_ = why;
}

std::optional<std::string> AttachSource::WhyNoAgent() const { return why_no_agent_; }

void AttachSource::BeginPlacing(Joining& joining) {
  ++joining.attempts;
  joining.agent = std::async(std::launch::async, [identity = joining.process->identity(), options = options_] {
    return attach::InjectedAgent::Inject(identity, InjectionOptionsOf(options));
  });
}

Result<void> AttachSource::FinishPlacing(Joining& joining) {
  auto agent = joining.agent.get();
  const auto process = joining.process;
  const auto forget = [&] { std::erase_if(joining_, [&](const auto& other) { return other->process == process; }); };
  // By an exec: the agent may be in the new program, of which we know nothing yet, and is taken out again.
  if (!process->RunsSameProgram()) {
    forget();
    return Error{ErrorCode::kNoSuchProcess, "the process has ended, or begun another program"};
  }
  // Once the watch has begun, it may be our own sampling that holds the thread at this moment.
  const bool again = !agent && (agent.error().code == ErrorCode::kTimedOut ||
                                (joining.told && agent.error().code == ErrorCode::kAlreadyTraced));
  if (again) {
    if (joining.attempts == 1) {
      Warn("no_agent_yet", kFromOutside + agent.error().what, joining.process->pid());
    }
    BeginPlacing(joining);
    return agent.error();
  }
  forget();
  if (!agent) return std::move(agent).error();
  AddAgentImage(*agent, *process);
  placed_.push_back(std::make_unique<Placed>(Placed{.process = process, .agent = *std::move(agent)}));
  return {};
}

std::vector<FoundProcess> AttachSource::TakeNew() {
  std::vector<FoundProcess> found;
  const auto now = std::chrono::steady_clock::now();
  if (now >= next_survey_) {
    next_survey_ = now + kSurveyInterval;
    for (auto& placed : placed_) {
      if (!placed->over) Extend(*placed);
    }
    JoinNewPrograms();
  }
  LookAfterJoining(found);
  for (auto& process : std::exchange(without_agent_, {})) {
    found.push_back({.process = process, .heartbeat = std::nullopt, .without_agent = true, .joined_late = true});
  }
  for (auto& placed : placed_) {
    TakeRegions(*placed, found);
    placed->agent.KeepRoom();
  }
  return found;
}

void AttachSource::Extend(Placed& placed) {
  if (placed.extending.valid()) {
    if (placed.extending.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return;
    const auto extended = placed.extending.get();
    if (!extended && !placed.told_of_failure && placed.process->identity().StillRuns()) {
      placed.told_of_failure = true;
      Warn("new_modules", "waits of modules loaded since cannot be watched for now: " + extended.error().what,
           placed.process->pid());
    }
  }
  placed.extending = std::async(std::launch::async, [&agent = placed.agent] { return agent.ExtendToNewModules(); });
}

void AttachSource::JoinNewPrograms() {
  std::set<int> pids{root_.pid()};
  if (options_.children) {
    const std::vector<int> descendants = attach::Descendants(root_.pid());
    pids.insert(descendants.begin(), descendants.end());
    pids.erase(::getpid());
  }
  std::erase_if(tried_, [&](const attach::RunningProgram& program) { return !pids.contains(program.pid); });
  for (const int pid : pids) {
    const auto program = attach::RunningProgram::Of(pid);
    if (!program || !tried_.insert(*program).second) continue;
    const auto identity = attach::OpenAttachable(pid);
    const auto joined = identity ? Join(*identity) : identity.error();
    if (joined || joined.error().code == ErrorCode::kNoSuchProcess || joined.error().code == ErrorCode::kZombie)
      continue;
    WarnThatNotWatched(pid, joined.error());
  }
}

void AttachSource::LookAfterJoining(std::vector<FoundProcess>& found) {
  std::vector<Joining*> joining;
  for (const auto& each : joining_) joining.push_back(each.get());
  for (Joining* each : joining) {
    const auto process = each->process;
    if (!each->told && process->pid() == root_.pid()) {
      each->told = true;
      found.push_back({.process = process, .heartbeat = std::nullopt, .joined_late = true});
    }
    if (each->agent.wait_for(std::chrono::seconds(0)) != std::future_status::ready) continue;
    const auto placed = FinishPlacing(*each);
    if (placed) continue;
    if (process->pid() == root_.pid() && placed.error().code == ErrorCode::kAlreadyWatched) failure_ = placed.error();
    WarnOfNoAgent(process, placed.error());
  }
}

void AttachSource::WarnOfNoAgent(const std::shared_ptr<WatchedProcess>& process, const Error& why) {
  // A forked child has its parent's agent already, and claims a region of its own when it waits.
  const bool expected = why.code == ErrorCode::kTimedOut || why.code == ErrorCode::kAlreadyTraced ||
                        why.code == ErrorCode::kAlreadyWatched || why.code == ErrorCode::kNoSuchProcess;
  if (expected || !process->identity().StillRuns()) return;
  if (attach::CanBeWatchedWithoutAgent(why.code)) {
    Warn("no_agent", kFromOutside + why.what, process->pid());
    GoWithout(process, why.what);
  } else {
    WarnThatNotWatched(process->pid(), why);
  }
}

void AttachSource::WarnThatNotWatched(int pid, const Error& why) {
  Warn("not_watched", "process " + std::to_string(pid) + " cannot be watched: " + why.what, pid);
}

void AttachSource::TakeRegions(Placed& placed, std::vector<FoundProcess>& found) {
  for (const attach::RegionClaim& claim : placed.claims.TakeNew(placed.agent.arena())) {
    if (claim.region == 0) {
      found.push_back({.process = placed.process, .heartbeat = claim.heartbeat, .joined_late = true});
      continue;
    }
    auto identity = attach::FindClaimant(claim.heartbeat);  // a forked child
    if (!identity) {
      ForgetUnseen(placed, claim.heartbeat);
      continue;
    }
    auto process = WatchedProcess::Open(*identity);
    if (!process) {
      if (process.error().code != ErrorCode::kNoSuchProcess) continue;
      ForgetUnseen(placed, claim.heartbeat);
      continue;
    }
    AddAgentImage(placed.agent, **process);
    found.push_back({.process = *std::move(process), .heartbeat = claim.heartbeat});
  }
}

void AttachSource::ForgetUnseen(Placed& placed, const attach::Heartbeat& heartbeat) {
  unseen_.blocks += heartbeat.CountLongIterations();
  unseen_.loops += heartbeat.dropped_waits();
  placed.claims.Free(heartbeat);
}

void AttachSource::Warn(const std::string& code, const std::string& message, int pid) {
  warnings_.push_back({Now(), code, message, pid});
}

std::vector<Warning> AttachSource::TakeWarnings() { return std::exchange(warnings_, {}); }

void AttachSource::Release(const FoundProcess& process) {
  // Where addresses are not random, the next program may look like this one.
  if (!process.process->RunsSameProgram()) tried_.erase(process.process->program());
  for (auto& placed : placed_) {
    if (process.heartbeat) placed->claims.Free(*process.heartbeat);
    placed->over = placed->over || placed->process == process.process;
  }
  std::erase_if(placed_, [](const auto& placed) { return placed->over && placed->claims.empty(); });
  std::erase_if(joining_, [&](const auto& joining) { return joining->process == process.process; });
}

std::optional<EndReason> AttachSource::ReasonToEnd() {
  if (const auto signal = signals_.Take()) {
    return *signal == SIGINT ? EndReason::kInterrupted : EndReason::kTerminated;
  }
  if (!root_.StillRuns()) return EndReason::kTargetEnded;
  if (failure_) return EndReason::kFailed;
  return std::nullopt;
}

std::vector<int> AttachSource::wakers() const { return {signals_.fd(), root_.pidfd()}; }

std::vector<std::string> AttachSource::Detach() {
  std::vector<std::string> left;
  // One that is being placed at this moment is taken out again as soon as it is there.
  for (auto& joining : joining_) {
    auto agent = joining->agent.get();
    if (!agent) continue;
    placed_.push_back(std::make_unique<Placed>(Placed{.process = joining->process, .agent = *std::move(agent)}));
  }
  joining_.clear();
  for (auto& placed : placed_) {
    if (placed->extending.valid()) placed->extending.wait();
    if (!placed->process->identity().StillRuns()) continue;
    const std::string where = "process " + std::to_string(placed->process->pid()) + ": ";
    const auto removal = placed->agent.Remove();
    if (!removal && placed->process->identity().StillRuns()) left.push_back(where + removal.error().what);
    if (removal && !removal->unmapped()) left.push_back(where + removal->left_because);
  }
  placed_.clear();
  return left;
}

}  // namespace pyleak::cli
