#include "attach/heartbeat/loop_finder.h"

#include <algorithm>

namespace pyleak::attach {
namespace {

/// An epoll instance is made to be waited on again and again. poll and select are also how a client waits for its one
/// socket: from unknown code they are a loop's only when they are asked for several descriptors.
bool CouldBeLoop(const SlotReading& reading) {
  if (reading.verdict == CallerVerdict::kNotLoop || reading.left) return false;
  return reading.verdict == CallerVerdict::kLoop || reading.is_epoll() || reading.max_fds >= 2;
}

/// The wait has been entered a second time: from the number of its iteration on, 1 while it is in its first.
bool Repeats(const SlotReading& reading) { return reading.iteration >= 2; }

/// `outer` is in an iteration, and `inner` was waited for within it, from further down the same stack.
bool Encloses(const SlotReading& outer, const SlotReading& inner) {
  return outer.tid == inner.tid && outer.busy && Repeats(outer) && outer.stack_pointer > inner.stack_pointer &&
         outer.since <= inner.waited_at;
}

/// `inner` was used in an earlier iteration of `outer`, which has turned since.
bool WasEnclosed(const SlotReading& outer, const SlotReading& inner) {
  return outer.tid == inner.tid && Repeats(outer) && outer.stack_pointer > inner.stack_pointer &&
         outer.waited_at > inner.waited_at;
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
    const auto enclosing = [&](const SlotReading& other) {
      return CouldBeLoop(other) && (Encloses(other, reading) || WasEnclosed(other, reading));
    };
    if (!CouldBeLoop(reading)) {
      roles.push_back(WaitRole::kOther);
    } else if (SharesItsInstance(reading, readings)) {
      roles.push_back(WaitRole::kShared);
    } else if (std::ranges::any_of(readings, enclosing)) {
      roles.push_back(WaitRole::kNested);
    } else {
      roles.push_back(Repeats(reading) ? WaitRole::kLoop : WaitRole::kProvisional);
    }
  }
  return roles;
}

}  // namespace pyleak::attach
