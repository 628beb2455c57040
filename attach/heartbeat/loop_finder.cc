#include "attach/heartbeat/loop_finder.h"

#include <algorithm>

namespace pyleak::attach {
namespace {

/// An epoll instance is made to be waited on again and again. poll and select are also how a client waits for its one
/// socket: from unknown code they are a loop's only when they are asked for more than that.
bool CouldBeLoop(const SlotReading& reading) {
  if (reading.verdict == CallerVerdict::kNotLoop || reading.left) return false;
  return reading.verdict == CallerVerdict::kLoop || reading.is_epoll() || reading.polls_like_loop;
}

/// The wait has been entered a second time: from the number of its iteration on, 1 while it is in its first.
bool Repeats(const SlotReading& reading) { return reading.iteration >= 2; }

/// A callback's own wait lies further down the stack than the loop's, if not always: what the loop calls to wait may be
/// deeper than what it calls to work. From this distance on the stack decides.
constexpr std::uint64_t kDeeperBytes = 1024;

/// Of two waits of one thread that both repeat, which is the loop's? Either comes between two of the other, so neither
/// times nor counts tell. The code does where it is known; then the depth; then which was there first, for the loop
/// runs before what it calls.
bool IsOutside(const SlotReading& outer, const SlotReading& inner) {
  if (outer.tid != inner.tid || outer.slot == inner.slot || !CouldBeLoop(outer) || !Repeats(outer)) return false;
  const bool outer_known = outer.verdict == CallerVerdict::kLoop;
  const bool inner_known = inner.verdict == CallerVerdict::kLoop;
  if (outer_known != inner_known) return outer_known;
  if (outer.is_epoll() != inner.is_epoll()) return outer.is_epoll();
  if (outer.stack_pointer > inner.stack_pointer + kDeeperBytes) return true;
  if (inner.stack_pointer > outer.stack_pointer + kDeeperBytes) return false;
  return outer.seen_as < inner.seen_as;
}

bool SharesItsInstance(const SlotReading& reading, std::span<const SlotReading> readings) {
  return reading.is_epoll() && std::ranges::any_of(readings, [&](const SlotReading& other) {
           return other.is_epoll() && other.fd == reading.fd && other.tid != reading.tid;
         });
}

}  // namespace

std::vector<WaitRole> FindLoops(std::span<const SlotReading> readings) {
  std::vector<WaitRole> roles;
  roles.reserve(readings.size());
  for (const SlotReading& reading : readings) {
    const auto outside = [&](const SlotReading& other) { return IsOutside(other, reading); };
    const bool undecided = reading.undecided && !reading.left;
    if (!CouldBeLoop(reading) && !undecided) {
      roles.push_back(WaitRole::kOther);
    } else if (SharesItsInstance(reading, readings)) {
      roles.push_back(WaitRole::kShared);
    } else if (std::ranges::any_of(readings, outside)) {
      roles.push_back(WaitRole::kNested);
    } else {
      roles.push_back(Repeats(reading) && !undecided ? WaitRole::kLoop : WaitRole::kProvisional);
    }
  }
  return roles;
}

}  // namespace pyleak::attach
