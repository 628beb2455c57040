#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/report/event.h"

namespace pyleak::cli {

/// Blocks that were counted instead of shown.
struct CountedBlocks {
  std::uint64_t like = 0;  ///< The block_id of one that was shown and has the same stack; 0: of several stacks.
  std::uint64_t count = 0;
  std::chrono::nanoseconds blocked{};  ///< The sum of their durations.
  std::chrono::nanoseconds span{};     ///< Within this time, until now.
};

/// Which blocks a person is shown. The first few of each stack are, and whichever lasts twice as long as those that
/// were; the others are counted, and told of in one line a minute. A stack that has not come for a minute is new again.
/// What is not shown because of a limit for all stacks together is counted as well. Pure: events and time in.
class RepeatedBlocks {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `most_per_minute`: blocks that are shown in one minute.
  explicit RepeatedBlocks(std::uint64_t most_per_minute) : most_per_minute_(most_per_minute) {}

  /// Whether the beginning of a block is worth a line. The first sample tells where it stands.
  [[nodiscard]] bool ShowsOnset(const Onset& onset, Time now) const;
  /// Whether it is worth a line that the block lasts still.
  [[nodiscard]] bool ShowsAge(const BlockEvent& event, Time now) const;
  /// True: the block, which is over, is to be shown. False: it has been counted.
  [[nodiscard]] bool Take(const BlockEvent& event, Time now);

  /// What has been counted for a minute, or at the end of all, whatever was counted. It is counted anew from then on.
  [[nodiscard]] std::vector<CountedBlocks> TakeDue(Time now);
  [[nodiscard]] std::vector<CountedBlocks> TakeAll(Time now);

 private:
  struct Count {
    std::uint64_t count = 0;
    std::chrono::nanoseconds blocked{};
    Time since;  ///< The first of them.
  };
  /// Blocks with the same stack.
  struct Group {
    std::uint64_t first_id = 0;
    int shown = 0;
    std::chrono::nanoseconds longest_shown{};
    Time last;
    Count counted;
  };

  static void Add(Count& counted, const BlockEvent& event, Time now);
  void CountShown(Time now);
  std::vector<CountedBlocks> TakeCounted(Time now, std::chrono::nanoseconds least_age);
  [[nodiscard]] bool IsExhausted(Time now) const;
  /// It is shown as soon as one that lasts so long comes.
  [[nodiscard]] static bool IsWorthIt(const Group& group, std::chrono::nanoseconds duration);

  std::uint64_t most_per_minute_;
  std::map<std::string, Group> groups_;  ///< By the signature of what their samples share.
  Count others_;                         ///< Of stacks that have no group.
  Time minute_begin_;
  std::uint64_t shown_in_minute_ = 0;
};

}  // namespace pyleak::cli
