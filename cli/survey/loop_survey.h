#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cli/report/event.h"
#include "cli/watch/sampler.h"
#include "cli/watch/watched_process.h"

namespace pyleak::cli {

/// One look at every thread of a process from outside: which of them run an event loop, and what each is doing.
/// Nothing is written into the process. A thread in its wait is not stopped; one that is busy is held for as long as a
/// copy of its stack takes.
class LoopSurvey {
 public:
  /// `locals`: as Sampler takes it.
  explicit LoopSurvey(std::optional<symbolize::Redaction> locals = {}) : sampler_(std::move(locals)) {}

  /// Loops in order of thread, the main one first. Threads that end meanwhile are left out.
  std::vector<LoopSnapshot> Look(const std::shared_ptr<WatchedProcess>& process);

 private:
  std::optional<LoopSnapshot> LookUntilClear(WatchedProcess& process, attach::ThreadLook& thread);
  std::optional<LoopSnapshot> LookAtThread(WatchedProcess& process, attach::ThreadLook& thread);

  Sampler sampler_;
};

}  // namespace pyleak::cli
