#include "cli/explain/lock.h"

#include <fmt/format.h>
#include <sys/syscall.h>

#include <algorithm>
#include <vector>

#include "cli/explain/place.h"
#include "cli/frame_filter.h"

namespace pyleak::cli {
namespace {

/// One thread that was seen to have the lock.
struct Seen {
  const Holder* holder;  ///< The first with a stack.
  int samples = 1;
};

std::vector<Seen> HoldersOf(const BlockEvidence& evidence, const AwaitedLock& lock) {
  std::vector<Seen> seen;
  for (const SampleEvidence& sample : evidence.samples) {
    if (!sample.lock || sample.lock->place != lock.place || !sample.lock->holder) continue;
    const Holder& holder = *sample.lock->holder;
    const auto known = std::ranges::find(seen, holder.tid, [](const Seen& one) { return one.holder->tid; });
    if (known == seen.end()) {
      seen.push_back({&holder});
    } else {
      ++known->samples;
      if (!known->holder->stack) known->holder = &holder;
    }
  }
  return seen;
}

std::string HolderText(const Holder& holder, std::size_t holders, int samples) {
  std::string thread = fmt::format("thread {} \"{}\"", holder.tid, holder.name);
  const std::string place = holder.stack ? PlaceText(*holder.stack) : "";
  if (!place.empty()) thread += ": " + place;
  if (holders == 1) return "held by " + thread;
  return fmt::format("held by {} threads in turn, most often ({} samples) by {}", holders, samples, thread);
}

/// What the threading module makes of its locks, by the function of it that waits; null: nothing else.
const char* UseOfPythonLock(const symbolize::Stack* stack) {
  const symbolize::Frame* frame = stack != nullptr ? InnermostUserFrame(*stack) : nullptr;
  if (frame == nullptr || !frame->filename.ends_with("/threading.py")) return nullptr;
  if (frame->name.ends_with("wait")) return "waiting for a condition of the threading module, which nobody holds";
  return frame->name.ends_with("_wait_for_tstate_lock") ? "waiting for the end of another thread" : nullptr;
}

}  // namespace

std::string WaitText(const AwaitedLock& lock, const symbolize::Stack* stack) {
  switch (lock.kind) {
    case LockKind::kGil:
      return "waiting for the GIL";
    case LockKind::kMutex:
      return "waiting for a mutex";
    case LockKind::kPythonRLock:
      return "waiting for a threading.RLock";
    case LockKind::kPythonLock:
      break;
  }
  const char* use = UseOfPythonLock(stack);
  return use != nullptr ? use : "waiting for a threading.Lock, which does not know who holds it";
}

const AwaitedLock* LockOf(const BlockEvidence& evidence, const attach::ThreadActivity& activity) {
  if (activity.running || activity.system_call != SYS_futex) return nullptr;
  const RemoteAddress futex(activity.arguments[0]);
  for (const SampleEvidence& sample : evidence.samples) {
    if (sample.lock && sample.lock->place.Contains(futex)) return &*sample.lock;
  }
  const auto& gil = evidence.measure.gil;
  return gil && gil->place.Contains(futex) ? &*gil : nullptr;
}

void AddHolder(const BlockEvidence& evidence, const AwaitedLock& lock, Cause& cause) {
  const std::vector<Seen> holders = HoldersOf(evidence, lock);
  const auto main = std::ranges::max_element(holders, {}, &Seen::samples);
  if (main == holders.end()) return;
  cause.summary += "; " + HolderText(*main->holder, holders.size(), main->samples);
  (lock.kind == LockKind::kGil ? cause.gil_holder : cause.lock_holder) = *main->holder;
}

}  // namespace pyleak::cli
