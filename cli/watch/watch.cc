#include "cli/watch/watch.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "cli/report/text.h"
#include "cli/watch/event_maker.h"

namespace pyleak::cli {

using attach::HeartbeatTime;

namespace {

/// Nothing that an agent of ours has noted is older.
const HeartbeatTime kProgramStart = MonotonicNow();

/// A service that has not waited once in this time is worth a word; it may still be starting.
constexpr std::chrono::seconds kPatienceWithoutLoop(5);

/// A thread that was found on its way into a wait needs a processor to get there.
constexpr std::chrono::milliseconds kSettlingTime(500);
constexpr std::chrono::microseconds kSettlingPause(200);

constexpr std::chrono::seconds kTick(1);

/// What a block that lasts still is told to have been ended by, when the process is not watched any longer.
std::string WhyCutShort(const ProcessWatch& process) {
  switch (process.state()) {
    case ProcessWatch::State::kRunning:
      break;
    case ProcessWatch::State::kOtherProgram:
      return "the process began another program (exec) before the block ended";
    case ProcessWatch::State::kEnded:
      const auto end = attach::HowItEnded(process.found().process->identity());
      return "the process " + (end ? EndText(*end) : "has ended") + " before the block ended";
  }
  return "the watch ended before the block did";
}

}  // namespace

Watch::Watch(const WatchOptions& options, ProcessSource& source, Reporter& reporter, const Alarm& alarm)
    : options_(options),
      source_(source),
      alarm_(alarm),
      started_(MonotonicNow()),
      journal_(options, reporter, alarm),
      tools_{options, {options.threshold, options.check_interval, kProgramStart}, journal_},
      next_tick_(started_ + kTick),
      next_stats_(started_ + options.stats_interval.value_or(std::chrono::nanoseconds(0))),
      self_check_(options.threshold, Clocks::Now()) {}

WatchEnded Watch::Run() {
  for (;;) {
    const HeartbeatTime next_look = LookAtAll();
    if (const auto reason = ReasonToEnd()) {
      TakeNewProcesses();  // They may have come, and ended, during the looks at the others.
      PassOnWarnings();
      for (auto& process : processes_) process->Close(WhyCutShort(*process));
      return Summary(*reason);
    }
    std::vector<int> wakers = source_.wakers();
    for (const auto& process : processes_) wakers.push_back(process->pidfd());
    alarm_.Sleep(next_look - MonotonicNow(), wakers);
    for (const Warning& warning : self_check_.OnLook(next_look, Clocks::Now())) journal_.Warn(warning);
  }
}

void Watch::Begin() {
  TakeNewProcesses();
  const HeartbeatTime deadline = MonotonicNow() + kSettlingTime;
  const auto settled = [](const auto& process) { return process->IsSettled(); };
  while (!std::ranges::all_of(processes_, settled) && MonotonicNow() < deadline) {
    std::this_thread::sleep_for(kSettlingPause);
  }
}

void Watch::TakeNewProcesses() {
  for (FoundProcess& found : source_.TakeNew()) {
    if (found.heartbeat) found.heartbeat->SetClockOffset(found.process->namespaces().clock_offset());
    const auto known = std::ranges::find_if(
        processes_, [&](const auto& process) { return process->found().process == found.process; });
    if (known != processes_.end()) {
      (*known)->FoundAgain(std::move(found));
    } else {
      processes_.push_back(std::make_unique<ProcessWatch>(std::move(found), tools_));
    }
  }
  const Dropped unseen = source_.TakeUnseen();
  tools_.lost_blocks += unseen.blocks;
  tools_.lost_loops += unseen.loops;
}

void Watch::PassOnWarnings() {
  for (const Warning& warning : source_.TakeWarnings()) journal_.Warn(warning);
}

HeartbeatTime Watch::LookAtAll() {
  const JournalThread::Verdicts verdicts = journal_.TakeVerdicts();
  for (auto& process : processes_) process->Take(verdicts);
  TakeNewProcesses();
  PassOnWarnings();
  HeartbeatTime next_look = MonotonicNow() + EffectiveCheckInterval(tools_.detector);
  for (auto& process : processes_) {
    // Asked first: what the heartbeat says after the process has ended is final.
    const ProcessWatch::State state = process->state();
    if (state == ProcessWatch::State::kRunning) {
      next_look = std::min(next_look, process->Look());
      continue;
    }
    process->Close(WhyCutShort(*process));
    source_.Release(process->found());
    process.reset();
  }
  std::erase(processes_, nullptr);
  WarnIfNoLoop();
  if (const HeartbeatTime now = MonotonicNow(); now >= next_tick_) {
    next_tick_ = now + kTick;
    journal_.Tick();
  }
  if (options_.stats_interval) next_look = std::min(next_look, TellStats());
  if (options_.duration) next_look = std::min(next_look, started_ + *options_.duration);
  return next_look;
}

HeartbeatTime Watch::TellStats() {
  const HeartbeatTime now = MonotonicNow();
  if (now < next_stats_) return next_stats_;
  for (auto& process : processes_) process->TellStats();
  next_stats_ += *options_.stats_interval;
  if (next_stats_ <= now) next_stats_ = now + *options_.stats_interval;
  return next_stats_;
}

void Watch::WarnIfNoLoop() {
  if (warned_of_no_loop_ || MonotonicNow() - started_ < kPatienceWithoutLoop) return;
  warned_of_no_loop_ = true;
  const bool any = std::ranges::any_of(processes_, [](const auto& process) { return process->HasLoop(); });
  if (any || tools_.ended_loops > 0) return;
  journal_.Warn({Now(), "no_loop",
                 "no event loop so far: no thread has waited again and again in epoll_wait, poll or select; still "
                 "looking",
                 std::nullopt});
}

std::optional<EndReason> Watch::ReasonToEnd() {
  if (const auto reason = source_.ReasonToEnd()) return reason;
  if (const auto reason = journal_.reason_to_stop()) return reason;
  if (options_.duration && MonotonicNow() - started_ >= *options_.duration) return EndReason::kDuration;
  return std::nullopt;
}

WatchEnded Watch::Summary(EndReason reason) {
  const BlockJournal& journal = journal_.Finish();
  WatchEnded ended;
  ended.timestamp = Now();
  ended.reason = reason;
  ended.target_end = source_.HowTargetEnded();
  ended.duration = MonotonicNow() - started_;
  ended.blocks = journal.blocks();
  ended.blocked = journal.blocked();
  ended.loops = journal.ended_loops();
  ended.freezes = tools_.sampler.freezes();
  ended.frozen = tools_.sampler.frozen();
  ended.late = self_check_.lateness();
  ended.dropped.blocks = tools_.lost_blocks;
  ended.dropped.loops = tools_.lost_loops;
  return ended;
}

}  // namespace pyleak::cli
