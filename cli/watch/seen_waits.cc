#include "cli/watch/seen_waits.h"

#include <algorithm>

#include "attach/trace/wait_calls.h"

namespace pyleak::cli {

using attach::WaitRole;

namespace {

/// Of more waits those that were seen first are forgotten.
constexpr std::size_t kMostWaits = 8;

bool IsSame(const attach::ThreadActivity& a, const attach::ThreadActivity& b) {
  const bool epoll = attach::IsEpollWait(a.system_call);
  if (epoll != attach::IsEpollWait(b.system_call)) return false;
  if (epoll) return static_cast<int>(a.arguments[0]) == static_cast<int>(b.arguments[0]);
  return a.system_call == b.system_call && a.stack_pointer == b.stack_pointer;
}

}  // namespace

const SeenWait* SeenWaits::loop() const {
  const auto found =
      std::ranges::find_if(waits_, [this](const SeenWait& wait) { return wait.reading.seen_as == loop_; });
  return found == waits_.end() ? nullptr : &*found;
}

SeenWait* SeenWaits::Find(const attach::ThreadActivity& activity) {
  if (!attach::IsWaiting(activity)) return nullptr;
  const auto found = std::ranges::find_if(waits_, [&](const SeenWait& wait) { return IsSame(wait.latest, activity); });
  return found == waits_.end() ? nullptr : &*found;
}

SeenWait& SeenWaits::Add(const attach::ThreadActivity& activity, bool like_loop) {
  const auto is_other = [this](const SeenWait& wait) { return wait.reading.seen_as != loop_; };
  if (waits_.size() == kMostWaits) waits_.erase(std::ranges::find_if(waits_, is_other));
  SeenWait wait{activity, {}};
  attach::SlotReading& reading = wait.reading;
  reading.seen_as = number_ * 1'000'000 + ++count_;
  reading.slot = static_cast<std::uint32_t>(reading.seen_as);
  reading.tid = tid_;
  const bool epoll = attach::IsEpollWait(activity.system_call);
  reading.wait = epoll ? PYLEAK_WAIT_EPOLL_WAIT : PYLEAK_WAIT_POLL;
  if (epoll) reading.fd = static_cast<int>(activity.arguments[0]);
  reading.polls_like_loop = like_loop;
  reading.stack_pointer = activity.stack_pointer;
  reading.iteration = 1;
  waits_.push_back(wait);
  if (loop_ == 0 && like_loop) loop_ = reading.seen_as;
  return waits_.back();
}

bool SeenWaits::Judge(std::span<const WaitRole> roles) {
  std::uint64_t chosen = 0;
  for (const WaitRole wanted : {WaitRole::kLoop, WaitRole::kProvisional}) {
    const auto found = std::ranges::find(roles, wanted);
    if (chosen == 0 && found != roles.end()) {
      chosen = waits_[static_cast<std::size_t>(found - roles.begin())].reading.seen_as;
    }
  }
  const bool changed = loop_ != chosen;
  loop_ = chosen;
  return changed;
}

void SeenWaits::CountRound() {
  for (SeenWait& wait : waits_) {
    if (wait.reading.seen_as == loop_) ++wait.reading.iteration;
  }
}

void SeenWaits::ForgetLoop() {
  std::erase_if(waits_, [this](const SeenWait& wait) { return wait.reading.seen_as == loop_; });
  loop_ = 0;
}

void SeenWaits::SetVerdict(attach::CallerVerdict verdict) {
  for (SeenWait& wait : waits_) {
    if (wait.reading.seen_as != loop_) continue;
    wait.reading.verdict = verdict;
    // One that is known need not come again before it hides what its callbacks wait for.
    if (verdict == attach::CallerVerdict::kLoop)
      wait.reading.iteration = std::max<std::uint64_t>(wait.reading.iteration, 2);
  }
}

}  // namespace pyleak::cli
