#include "cli/commands/run_source.h"

#include <utility>

#include "attach/inject/claimant.h"
#include "cli/watch/event_maker.h"

namespace pyleak::cli {
namespace {

/// How often the program itself is looked at, which may have become another one by exec.
constexpr std::chrono::milliseconds kProgramInterval(100);

}  // namespace

std::vector<FoundProcess> RunSource::TakeNew() {
  FreeRegionsOfEndedBystanders();
  std::vector<FoundProcess> found;
  LookAtProgram(found);
  if (session_ == nullptr) return found;
  for (const attach::RegionClaim& claim : claims_.TakeNew(session_->arena())) TakeRegion(claim.heartbeat, found);
  session_->KeepRoom();
  return found;
}

std::optional<std::string> RunSource::WhyNoAgent() const {
  return session_ == nullptr ? std::optional<std::string>("--agent none") : std::nullopt;
}

void RunSource::LookAtProgram(std::vector<FoundProcess>& found) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_look_) return;
  next_look_ = now + kProgramInterval;
  const auto running = attach::RunningProgram::Of(program_.process().pid());
  if (!running) return;
  // Its dynamic linker is given the time until the next look.
  if (std::exchange(running_, *running) != *running) {
    checked_ = false;
    return;
  }
  if (std::exchange(checked_, true)) return;
  const auto loaded = session_ != nullptr ? session_->CheckLoaded(program_.process()) : Result<void>();
  if (session_ != nullptr && loaded) return;
  auto process = WatchedProcess::Open(program_.process());
  if (!process) {
    if (!program_.process().StillRuns()) return;
    Warn("not_watched", "the program cannot be watched: " + process.error().what, running->pid);
    return;
  }
  if (!loaded) Warn("no_agent", kFromOutside + loaded.error().what, running->pid);
  found.push_back({.process = *std::move(process), .without_agent = true, .joined_late = true});
}

void RunSource::TakeRegion(attach::Heartbeat heartbeat, std::vector<FoundProcess>& found) {
  auto identity = attach::FindClaimant(heartbeat);
  if (!identity) {
    ForgetUnseen(heartbeat);
    return;
  }
  const int pid = identity->pid();
  if (!children_ && pid != program_.process().pid()) {
    bystanders_.push_back({*identity, heartbeat});
    return;
  }
  auto process = WatchedProcess::Open(*identity);
  if (!process && !identity->StillRuns()) {
    ForgetUnseen(heartbeat);
    return;
  }
  if (!process) {
    Warn("not_watched", "a process cannot be watched: " + process.error().what, pid);
    bystanders_.push_back({*identity, heartbeat});
    return;
  }
  if (!(*process)->interpreter_problem().empty()) {
    Warn("no_python_stacks", "Python stacks cannot be read: " + (*process)->interpreter_problem(), pid);
  }
  found.push_back({.process = *std::move(process), .heartbeat = heartbeat});
}

void RunSource::ForgetUnseen(const attach::Heartbeat& heartbeat) {
  if (children_) {
    unseen_.blocks += heartbeat.CountLongIterations();
    unseen_.loops += heartbeat.dropped_waits();
  }
  claims_.Free(heartbeat);
}

void RunSource::FreeRegionsOfEndedBystanders() {
  std::erase_if(bystanders_, [this](const Bystander& bystander) {
    if (bystander.process.StillRuns()) return false;
    claims_.Free(bystander.heartbeat);
    return true;
  });
}

std::vector<Warning> RunSource::TakeWarnings() {
  const std::uint64_t unwatched = session_ != nullptr ? session_->unwatched_processes() : 0;
  if (unwatched > unwatched_processes_) {
    Warn("too_many_processes", std::to_string(unwatched) + " process(es) too many to watch all at once", std::nullopt);
  }
  unwatched_processes_ = unwatched;
  return std::exchange(warnings_, {});
}

void RunSource::Release(const FoundProcess& process) {
  if (process.heartbeat) claims_.Free(*process.heartbeat);
}

std::optional<EndReason> RunSource::ReasonToEnd() {
  relay_.PassOn(program_);
  if (program_.TryWait()) return EndReason::kTargetEnded;
  return std::nullopt;
}

std::vector<int> RunSource::wakers() const { return {relay_.fd(), program_.process().pidfd()}; }

void RunSource::Warn(const std::string& code, const std::string& message, std::optional<int> pid) {
  warnings_.push_back({Now(), code, message, pid});
}

}  // namespace pyleak::cli
