#include "cli/analyse/block_groups.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace pyleak::cli {

using std::chrono::nanoseconds;

std::vector<BlockGroup> GroupBlocks(const Recording& recording) {
  std::map<std::optional<std::size_t>, BlockGroup> by_stack;
  for (const RecordedBlock& block : recording.blocks) {
    BlockGroup& group = by_stack[block.stack];
    group.stack = block.stack;
    group.blocks.push_back(&block);
    group.total += block.duration;
  }
  std::vector<BlockGroup> groups;
  for (auto& [stack, group] : by_stack) {
    std::ranges::stable_sort(group.blocks, std::ranges::greater(), &RecordedBlock::duration);
    group.median = Quantile(group.blocks, 0.5);
    group.p99 = Quantile(group.blocks, 0.99);
    groups.push_back(std::move(group));
  }
  std::ranges::stable_sort(groups, std::ranges::greater(), &BlockGroup::total);
  return groups;
}

nanoseconds Quantile(std::span<const RecordedBlock* const> descending, double quantile) {
  const auto count = static_cast<double>(descending.size());
  const auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(quantile * count)));
  return descending[descending.size() - std::min(rank, descending.size())]->duration;
}

nanoseconds TotalBlocked(const Recording& recording) {
  nanoseconds total{};
  for (const RecordedBlock& block : recording.blocks) total += block.duration;
  return total;
}

std::vector<StackShare> SharesOf(const RecordedBlock& block) {
  std::vector<StackWeight> seen = block.samples;
  if (seen.empty() && block.stack) seen.push_back({*block.stack, 1});
  double all = 0;
  for (const StackWeight& weight : seen) all += weight.count;
  std::vector<StackShare> shares;
  for (const StackWeight& weight : seen) {
    const double time = static_cast<double>(block.duration.count()) * weight.count / all;
    shares.push_back({weight.stack, nanoseconds(std::llround(time))});
  }
  return shares;
}

}  // namespace pyleak::cli
