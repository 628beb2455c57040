#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "cli/analyse/recording.h"

namespace pyleak::cli {

/// Blocks with one stack, or all those without any. Never empty.
struct BlockGroup {
  std::optional<std::size_t> stack;          ///< Index in Recording::stacks.
  std::vector<const RecordedBlock*> blocks;  ///< Longest first; they belong to the recording.
  std::chrono::nanoseconds total{};
  std::chrono::nanoseconds median{};
  std::chrono::nanoseconds p99{};

  [[nodiscard]] const RecordedBlock& longest() const { return *blocks.front(); }
};

/// The groups of a recording, the one with most blocked time first.
std::vector<BlockGroup> GroupBlocks(const Recording& recording);

/// The nearest-rank quantile: the smallest element that at least the fraction `quantile` of all are not above. So it is
/// always one that occurred. `descending`: longest first, not empty.
std::chrono::nanoseconds Quantile(std::span<const RecordedBlock* const> descending, double quantile);

/// Of all blocks together.
std::chrono::nanoseconds TotalBlocked(const Recording& recording);

/// The stacks of a block and what part of its time each stands for: as often as it was seen among all samples. Empty if
/// there is no stack.
struct StackShare {
  std::size_t stack = 0;  ///< Index in Recording::stacks.
  std::chrono::nanoseconds time{};
};
std::vector<StackShare> SharesOf(const RecordedBlock& block);

}  // namespace pyleak::cli
