#include "attach/trace/borrow_candidates.h"

#include <sys/syscall.h>

#include <algorithm>
#include <utility>

#include "attach/proc/living_thread.h"
#include "attach/proc/thread_list.h"
#include "attach/trace/system_call_names.h"

namespace pyleak::attach {
namespace {

/// One thread in so many is fit to be borrowed, in all that we have seen.
constexpr std::size_t kMostCandidates = 64;

std::string WhatKeepsIt(const ThreadLook& look, const ThreadActivity& activity) {
  if (look.State() == 'T') return "is stopped in a wait with a timeout";
  if (look.State() == 'D') return "is in uninterruptible sleep";
  if (activity.running || activity.system_call < 0) return "is not on a stack that can be used";
  // A stop has made the kernel forget under which name.
  if (activity.system_call == SYS_restart_syscall) return "sleeps";
  return "sleeps in " + SystemCallName(activity.system_call);
}

}  // namespace

std::vector<BorrowCandidate> FindBorrowCandidates(const ProcessIdentity& process) {
  std::vector<BorrowCandidate> candidates;
  for (const int tid : ListThreads(process.pid(), kMostCandidates)) {
    auto look = ThreadLook::Open({process.pid(), tid});
    if (!look) continue;
    const auto activity = look->Look();
    if (!activity) continue;
    if (const auto rank = RankForBorrowing(*activity, look->State())) {
      candidates.push_back({std::make_unique<ThreadLook>(*std::move(look)), *rank});
    }
  }
  std::ranges::stable_sort(candidates, {}, &BorrowCandidate::rank);
  return candidates;
}

std::string WhyNoneIsFit(const ProcessIdentity& process) {
  auto look = ThreadLook::Open({process.pid(), LivingThread(process.pid())});
  const auto activity = look.ok() ? look->Look() : std::nullopt;
  if (!activity) return "the process is about to end";
  // It stands for the others.
  const bool only_one = ListThreads(process.pid(), 2).size() == 1;
  const std::string which = only_one ? "its only thread " : "like the others, its first thread ";
  return "no thread can be borrowed without harm yet: " + which + WhatKeepsIt(*look, *activity);
}

}  // namespace pyleak::attach
