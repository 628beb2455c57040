#include "cli/explain/time_use.h"

#include <algorithm>

namespace pyleak::cli {
namespace {

using std::chrono::nanoseconds;

nanoseconds NotNegative(nanoseconds time) { return std::max(time, nanoseconds(0)); }

}  // namespace

TimeUse MeasureTimeUse(const AccountMark& before, const AccountMark& after, attach::HeartbeatTime begin,
                       attach::HeartbeatTime end) {
  const nanoseconds duration = end - begin;
  const nanoseconds uncovered = NotNegative(before.at - begin) + NotNegative(end - after.at);
  const nanoseconds outside = NotNegative(begin - before.at) + NotNegative(after.at - end);
  // A loop works only within its iterations.
  const nanoseconds others = std::clamp(after.busy - before.busy - (duration - uncovered), nanoseconds(0), outside);
  const auto within = [&](nanoseconds counted) {
    return TimeBounds{std::clamp(counted - others, nanoseconds(0), duration),
                      std::clamp(counted + uncovered, nanoseconds(0), duration)};
  };
  return {within(after.account.cpu - before.account.cpu), within(after.account.runqueue - before.account.runqueue)};
}

}  // namespace pyleak::cli
