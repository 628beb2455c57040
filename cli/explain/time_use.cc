#include "cli/explain/time_use.h"

#include <algorithm>

namespace pyleak::cli {
namespace {

using std::chrono::nanoseconds;

/// The kernel's account of a running thread may be behind, so that bounds cross by a little.
TimeBounds Narrowed(const TimeBounds& bounds, nanoseconds counted, nanoseconds uncovered) {
  const nanoseconds most = std::min(bounds.most, counted + uncovered);
  return {std::min(std::max(bounds.least, counted), most), most};
}

nanoseconds NotNegative(nanoseconds time) { return std::max(time, nanoseconds(0)); }

}  // namespace

TimeUse MeasureTimeUse(const AccountMark& before, const AccountMark& after, attach::HeartbeatTime begin,
                       attach::HeartbeatTime end) {
  const nanoseconds duration = end - begin;
  const nanoseconds uncovered = NotNegative(before.at - begin) + NotNegative(end - after.at);
  const nanoseconds outside = NotNegative(begin - before.at) + NotNegative(after.at - end);
  // A loop works only within its iterations.
  const nanoseconds others = std::clamp(after.busy - before.busy - (duration - uncovered), nanoseconds(0), outside);
  const auto within = [&](nanoseconds counted, nanoseconds elsewhere) {
    return TimeBounds{std::clamp(counted - elsewhere, nanoseconds(0), duration),
                      std::clamp(counted + uncovered, nanoseconds(0), duration)};
  };
  // But it waits for a CPU also before a wait returns that is over already.
  return {within(after.account.cpu - before.account.cpu, others),
          within(after.account.runqueue - before.account.runqueue, outside)};
}

TimeUse Narrow(const TimeUse& use, const AccountMark& first, const AccountMark& last, nanoseconds duration) {
  const nanoseconds uncovered = NotNegative(duration - (last.at - first.at));
  return {Narrowed(use.cpu, last.account.cpu - first.account.cpu, uncovered),
          Narrowed(use.runqueue, last.account.runqueue - first.account.runqueue, uncovered)};
}

}  // namespace pyleak::cli
