#include "cli/report/repeated_blocks.h"

#include <algorithm>
#include <utility>

#include "cli/report/sample_spread.h"

namespace pyleak::cli {

using std::chrono::nanoseconds;

namespace {

/// Of one stack. Enough to see that it comes again, and whether it is alike each time.
constexpr int kFirstFew = 3;
constexpr std::chrono::minutes kMinute(1);
/// A target that never blocks twice at the same place must not make us grow.
constexpr std::size_t kMostGroups = 1000;

/// Empty: there is nothing to go by.
std::string SignatureOf(const BlockEvent& event) {
  std::vector<SeenStack> seen;
  for (const Sample& sample : event.samples) seen.push_back({&sample.blocking_stack, sample.count});
  if (seen.empty()) return "";
  const SampleSpread spread = SpreadOf(seen);
  return SignatureOf(spread, *seen[spread.heaviest].stack);
}

}  // namespace

void RepeatedBlocks::Add(Count& counted, const BlockEvent& event, Time now) {
  if (counted.count == 0) counted.since = now;
  ++counted.count;
  counted.blocked += event.duration;
}

bool RepeatedBlocks::IsExhausted(Time now) const {
  return shown_in_minute_ >= most_per_minute_ && now - minute_begin_ < kMinute;
}

bool RepeatedBlocks::IsWorthIt(const Group& group, nanoseconds duration) {
  return group.shown < kFirstFew || duration / 2 >= group.longest_shown;
}

bool RepeatedBlocks::ShowsOnset(const Onset& onset, Time now) const {
  if (IsExhausted(now)) return false;
  const std::string signature = onset.stack ? SignatureOf(*onset.stack) : "";
  return std::ranges::none_of(groups_, [&](const auto& entry) {
    return signature.starts_with(entry.first) && !IsWorthIt(entry.second, onset.lag);
  });
}

bool RepeatedBlocks::ShowsAge(const BlockEvent& event, Time now) const {
  const auto found = groups_.find(SignatureOf(event));
  return found == groups_.end() ? !IsExhausted(now) : IsWorthIt(found->second, event.duration);
}

bool RepeatedBlocks::Take(const BlockEvent& event, Time now) {
  std::erase_if(groups_, [now](const auto& entry) {
    return entry.second.counted.count == 0 && now - entry.second.last >= kMinute;
  });
  const std::string signature = SignatureOf(event);
  const auto found = groups_.find(signature);
  Group fresh{.first_id = event.block_id};
  Group& group = found == groups_.end() ? fresh : found->second;
  group.last = now;
  if (IsExhausted(now) || !IsWorthIt(group, event.duration)) {
    Add(found == groups_.end() ? others_ : group.counted, event, now);
    return false;
  }
  CountShown(now);
  ++group.shown;
  group.longest_shown = std::max(group.longest_shown, event.duration);
  const bool has_group = !signature.empty() && groups_.size() < kMostGroups;
  if (found == groups_.end() && has_group) groups_.emplace(signature, fresh);
  return true;
}

void RepeatedBlocks::CountShown(Time now) {
  if (now - minute_begin_ >= kMinute) {
    minute_begin_ = now;
    shown_in_minute_ = 0;
  }
  ++shown_in_minute_;
}

std::vector<CountedBlocks> RepeatedBlocks::TakeCounted(Time now, std::chrono::nanoseconds least_age) {
  std::vector<CountedBlocks> taken;
  const auto take = [&](Count& counted, std::uint64_t like) {
    if (counted.count == 0 || now - counted.since < least_age) return;
    const Count told = std::exchange(counted, {});
    taken.push_back({like, told.count, told.blocked, now - told.since});
  };
  for (auto& [signature, group] : groups_) take(group.counted, group.first_id);
  take(others_, 0);
  return taken;
}

std::vector<CountedBlocks> RepeatedBlocks::TakeDue(Time now) { return TakeCounted(now, kMinute); }

std::vector<CountedBlocks> RepeatedBlocks::TakeAll(Time now) { return TakeCounted(now, nanoseconds(0)); }

}  // namespace pyleak::cli
