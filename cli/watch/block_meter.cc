#include "cli/watch/block_meter.h"

#include <algorithm>
#include <utility>

namespace pyleak::cli {

using attach::HeartbeatTime;
using std::chrono::nanoseconds;

namespace {

/// Different things that one block is seen to do; what comes after them is left out.
constexpr std::size_t kMostSeen = 16;

bool IsSameDoing(const SeenActivity& seen, const attach::ThreadActivity& activity, char state) {
  if (seen.activity.running != activity.running || seen.state != state) return false;
  return activity.running ||
         (seen.activity.system_call == activity.system_call && seen.activity.arguments[0] == activity.arguments[0]);
}

}  // namespace

void BlockMeter::Look(const attach::SlotReading& reading, attach::ThreadLook& thread, HeartbeatTime now,
                      const Belongs& belongs) {
  const auto before = latest_;
  if (!meter_) {
    if (auto meter = attach::ThreadMeter::Open(thread.thread())) meter_ = *std::move(meter);
  }
  if (const auto account = meter_ ? meter_->Read() : std::nullopt) {
    const nanoseconds lasted = reading.busy ? now - reading.since : nanoseconds(0);
    latest_ = AccountMark{now, reading.busy_total + lasted, *account};
  }
  if (!reading.busy) return;
  if (current_.begin != reading.since) {
    previous_ = std::exchange(current_, Met{reading.since, before ? before : latest_, latest_, {}, reading.since, {}});
  }
  current_.last = latest_;
  if (now - reading.since >= patience_) LookAtThread(thread, now, belongs);
}

void BlockMeter::LookAtThread(attach::ThreadLook& thread, HeartbeatTime now, const Belongs& belongs) {
  const auto activity = thread.Look();
  const auto stat = thread.ReadStat();
  if (!activity || !stat) return;
  // It may be over since it was read, and the thread in the loop's own wait, or in the next one.
  if (!belongs(*activity)) return;
  Met& met = current_;
  const nanoseconds time = now - std::exchange(met.seen_until, now);
  const auto known = std::ranges::find_if(
      met.seen, [&](const SeenActivity& seen) { return IsSameDoing(seen, *activity, stat->state); });
  if (known != met.seen.end()) {
    known->time += time;
  } else if (met.seen.size() < kMostSeen) {
    met.seen.push_back({*activity, stat->state, time});
  }
}

BlockMeasure BlockMeter::Measure(HeartbeatTime begin, HeartbeatTime end) const {
  BlockMeasure measure;
  if (begin != current_.begin && begin != previous_.begin) return measure;
  const Met& met = begin == current_.begin ? current_ : previous_;
  if (met.before && latest_) measure.use = MeasureTimeUse(*met.before, *latest_, begin, end);
  if (measure.use && met.first && met.last) measure.use = Narrow(*measure.use, *met.first, *met.last, end - begin);
  measure.seen = met.seen;
  return measure;
}

}  // namespace pyleak::cli
