#include "cli/watch/loop_watch.h"

#include <utility>

#include "attach/proc/descriptor.h"
#include "attach/proc/stat.h"
#include "attach/trace/polled_descriptors.h"
#include "attach/trace/wait_calls.h"
#include "cli/watch/sampler.h"

namespace pyleak::cli {

using attach::HeartbeatTime;

namespace {

/// The threads of a process that is killed are gone in less, each for itself.
constexpr std::chrono::milliseconds kEndOfAProcess(200);

std::string ThreadNameOf(const attach::ThreadId& thread) {
  auto stat = attach::ReadStat(thread.pid, thread.tid);
  return stat ? stat->name : "";
}

}  // namespace

LoopWatch::LoopWatch(std::uint64_t number, std::shared_ptr<WatchedProcess> process, const attach::SlotReading& reading,
                     const attach::DetectorOptions& options)
    : detector(options),
      meter(options.threshold / 4),
      statistics(options.threshold),
      stats_told_at(MonotonicNow()),
      number_(number),
      own_tid_(reading.tid),
      last_(reading) {
  const attach::ThreadId id{process->pid(), process->namespaces().FindThread(reading.tid).value_or(0)};
  if (auto look = attach::ThreadLook::Open(id)) thread_ = *std::move(look);
  LoopFacts facts;
  facts.thread = {id.pid, id.tid, process->name(), ThreadNameOf(id)};
  facts.caller = process->symbols().CallerAt(reading.return_address);
  facts.process = std::move(process);
  facts.loop.wait = attach::WaitName(reading.wait);
  if (reading.is_epoll()) facts.loop.fd = reading.fd;
  facts.kind = symbolize::IdentifyLoop(facts.caller, {});
  facts.loop.kind = facts.kind.name;
  facts_ = std::make_shared<const LoopFacts>(std::move(facts));
}

void LoopWatch::Update(attach::SlotReading& reading) {
  if (!looked_at_wait_ && !reading.busy) LookAtWait(reading);
  reading.tid = facts_->thread.tid;
  reading.seen_as = number_;
  reading.verdict = VerdictOf(facts_->kind);
  reading.polls_like_loop = polls_like_loop_;
  reading.undecided = !reading.is_epoll() && !looked_at_wait_;
  reading.left = reading.busy && left_since_ == reading.since;
  last_ = reading;
}

LoopWatch::Presence LoopWatch::FindPresence() {
  if (!thread_ || !thread_->Look()) return Presence::kThreadEnded;
  if (!last_.is_epoll()) return Presence::kThere;
  return attach::IsEpollInstance(facts_->thread.pid, last_.fd) ? Presence::kThere : Presence::kClosed;
}

bool LoopWatch::EndedAlone(HeartbeatTime now) {
  if (!ended_since_) ended_since_ = now;
  return now - *ended_since_ >= kEndOfAProcess;
}

void LoopWatch::LookAtWait(const attach::SlotReading& reading) {
  const bool python = symbolize::IsPythonSelect(facts_->caller);
  const bool known = facts_->kind.verdict != symbolize::LoopKind::Verdict::kUnknown;
  looked_at_wait_ = known || !thread_ || (reading.is_epoll() && !python);
  if (looked_at_wait_) return;
  WatchedProcess& process = *facts_->process;
  // No freeze: a thread that sleeps in one system call from before to after the copies has stood still in between.
  const auto before = thread_->Look();
  if (!before || !attach::IsWaiting(*before)) return;
  const bool like_loop = attach::WaitsLikeLoop(*before, process.memory(), process.identity());
  symbolize::python::RawPythonStack raw;
  if (python) process.FindInterpreter();
  const bool has_python = python && process.interpreter();
  if (has_python) {
    raw = process.interpreter()->Capture(process.memory(), reading.tid, reading.thread_pointer);
  }
  if (thread_->Look() != before) return;
  looked_at_wait_ = true;
  polls_like_loop_ = like_loop;
  if (has_python) IdentifyByPython(process.symbols().NamePython(*process.interpreter(), raw));
}

void LoopWatch::IdentifyByPython(const symbolize::Stack& python) {
  LoopFacts facts = *facts_;
  facts.kind = symbolize::IdentifyLoop(facts.caller, python);
  facts.loop.kind = facts.kind.name;
  facts_ = std::make_shared<const LoopFacts>(std::move(facts));
}

}  // namespace pyleak::cli
