#include "cli/watch/loop_watch.h"

#include <array>
#include <string>
#include <utility>

#include "attach/base/file.h"
#include "attach/proc/stat.h"

namespace pyleak::cli {
namespace {

/// A wait too short to be read is tried again at the next look; after so many it stays "generic" until it blocks.
constexpr int kMostIdentifications = 200;

std::string WaitName(std::uint32_t wait) {
  static constexpr std::array kNames{"",     "epoll_wait", "epoll_pwait", "epoll_pwait2",
                                     "poll", "ppoll",      "select",      "pselect"};
  return wait < kNames.size() ? kNames[wait] : "";
}

attach::CallerVerdict VerdictOf(const symbolize::LoopKind& kind) {
  switch (kind.verdict) {
    case symbolize::LoopKind::Verdict::kLoop:
      return attach::CallerVerdict::kLoop;
    case symbolize::LoopKind::Verdict::kNotLoop:
      return attach::CallerVerdict::kNotLoop;
    case symbolize::LoopKind::Verdict::kUnknown:
      break;
  }
  return attach::CallerVerdict::kUnknown;
}

std::string ThreadNameOf(const attach::ThreadId& thread) {
  auto stat = attach::ReadStat(thread.pid, thread.tid);
  return stat ? stat->name : "";
}

}  // namespace

LoopWatch::LoopWatch(std::uint64_t number, std::shared_ptr<WatchedProcess> process, const attach::SlotReading& reading,
                     const attach::DetectorOptions& options)
    : detector(options), number_(number), last_(reading) {
  const attach::ThreadId id{process->pid(), reading.tid};
  if (auto look = attach::ThreadLook::Open(id)) thread_ = *std::move(look);
  LoopFacts facts;
  facts.thread = {id.pid, id.tid, process->name(), ThreadNameOf(id)};
  facts.caller = process->symbols().CallerAt(reading.return_address);
  facts.process = std::move(process);
  facts.loop.wait = WaitName(reading.wait);
  if (reading.is_epoll()) facts.loop.fd = reading.fd;
  facts.kind = symbolize::IdentifyLoop(facts.caller, {});
  facts.loop.kind = facts.kind.name;
  facts_ = std::make_shared<const LoopFacts>(std::move(facts));
}

void LoopWatch::Update(attach::SlotReading& reading) {
  Identify(reading);
  reading.verdict = VerdictOf(facts_->kind);
  reading.left = reading.busy && left_since_ == reading.since;
  last_ = reading;
}

bool LoopWatch::StillExists() {
  if (!thread_ || !thread_->Look()) return false;
  if (!last_.is_epoll()) return true;
  const auto target = ReadLink("/proc/" + std::to_string(facts_->thread.pid) + "/fd/" + std::to_string(last_.fd));
  return target && *target == "anon_inode:[eventpoll]";
}

void LoopWatch::Identify(const attach::SlotReading& reading) {
  const bool known = facts_->kind.verdict != symbolize::LoopKind::Verdict::kUnknown;
  if (known || !symbolize::IsPythonSelect(facts_->caller)) return;
  if (reading.busy || identifications_ >= kMostIdentifications) return;
  ++identifications_;
  const auto python = PythonStackOfWait(reading);
  if (!python) return;
  LoopFacts facts = *facts_;
  facts.kind = symbolize::IdentifyLoop(facts.caller, *python);
  facts.loop.kind = facts.kind.name;
  facts_ = std::make_shared<const LoopFacts>(std::move(facts));
}

std::optional<symbolize::Stack> LoopWatch::PythonStackOfWait(const attach::SlotReading& reading) {
  WatchedProcess& process = *facts_->process;
  process.FindInterpreter();
  if (!process.interpreter() || !thread_) return std::nullopt;
  // No freeze: a thread that sleeps in one system call from before to after the copy has stood still in between.
  const auto before = thread_->Look();
  const auto raw = process.interpreter()->Capture(process.memory(), reading.tid, reading.thread_pointer);
  const auto after = thread_->Look();
  if (!before || before->running || after != before) return std::nullopt;
  return process.symbols().NamePython(*process.interpreter(), raw);
}

}  // namespace pyleak::cli
