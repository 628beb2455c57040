#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "cli/analyse/block_groups.h"
#include "cli/analyse/frame_label.h"
#include "cli/analyse/report_formats.h"
#include "cli/report/sanitise.h"
#include "cli/report/text.h"

namespace pyleak::cli {
namespace {

/// As many as fit on a screen or two; --format json has all.
constexpr std::size_t kGroupsShown = 10;
constexpr std::size_t kBlocksShown = 10;

std::string Time(Timestamp timestamp) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(timestamp).time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(milliseconds);
  return fmt::format("{:%F %T}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(seconds.count())),
                     (milliseconds - seconds).count());
}

std::string Where(const Recording& recording, const std::optional<std::size_t>& stack) {
  if (!stack) return "no stack was captured";
  return Sanitise(FrameLabel(OwnFrame(recording.stacks[*stack])));
}

std::string Plural(std::uint64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string Totals(const Recording& recording) {
  std::string text =
      fmt::format("{}, {} blocked", Plural(recording.blocks.size(), "block"), SecondsText(TotalBlocked(recording)));
  if (recording.watches > 1) text += fmt::format(", in {} watches", recording.watches);
  if (!recording.blocks.empty()) {
    text += fmt::format("\nFirst {}, last {}", Time(recording.blocks.front().timestamp),
                        Time(recording.blocks.back().timestamp));
  }
  const std::pair<std::uint64_t, const char*> remarks[] = {
      {recording.watches_without_end,
       "watch(es) have no end: pyleak was killed, or still writes, or the file was cut off"},
      {recording.dropped.blocks,
       "block(s) were counted only: they came faster, or their process ended sooner, than pyleak could look"},
      {recording.dropped.loops, "loop(s) were not watched: more than the heartbeat has room for"},
      {recording.dropped.records, "event(s) were not written"},
      {recording.unreadable_lines, "line(s) are no records of pyleak and were left out"},
      {recording.foreign_records, "record(s) are of a later pyleak's schema and were left out"}};
  for (const auto& [count, what] : remarks) {
    if (count > 0) text += fmt::format("\nNote: {} {}", count, what);
  }
  return text + "\n";
}

std::string GroupText(const BlockGroup& group, std::size_t number, const Recording& recording, const Palette& palette) {
  const RecordedBlock& longest = group.longest();
  std::string title = fmt::format("{}. {} in {}: {}", number, SecondsText(group.total),
                                  Plural(group.blocks.size(), "block"), Where(recording, group.stack));
  std::string text = palette.Alarm(title);
  text += fmt::format("\n  Median {}, p99 {}, longest {} (block-{} at {})", SecondsText(group.median),
                      SecondsText(group.p99), SecondsText(longest.duration), longest.block_id, Time(longest.timestamp));
  text += fmt::format("\n  Loop: {} of {} (pid {})", Sanitise(longest.loop_kind), Sanitise(longest.thread.process),
                      longest.thread.pid);
  if (!longest.cause_summary.empty()) text += "\n  Cause of the longest: " + Sanitise(longest.cause_summary);
  if (group.stack) text += "\n  Blocking Stack:\n" + StackText(recording.stacks[*group.stack], {false, palette});
  return text + "\n";
}

std::string LongestBlocks(const Recording& recording) {
  std::vector<const RecordedBlock*> blocks;
  for (const RecordedBlock& block : recording.blocks) blocks.push_back(&block);
  std::ranges::stable_sort(blocks, std::ranges::greater(), &RecordedBlock::duration);
  std::string text = "Longest blocks:\n";
  for (const RecordedBlock* block : std::span(blocks).first(std::min(kBlocksShown, blocks.size()))) {
    text += fmt::format("  {:>10}{} {}  pid {}  {}  {}\n", SecondsText(block->duration), block->ongoing ? "+" : " ",
                        Time(block->timestamp), block->thread.pid, Sanitise(block->loop_kind),
                        Where(recording, block->stack));
  }
  const auto is_ongoing = [](const RecordedBlock* block) { return block->ongoing; };
  if (std::ranges::any_of(blocks, is_ongoing)) text += "  + at least: its end was not recorded\n";
  return text;
}

}  // namespace

std::string ReportText(const Recording& recording, const Palette& palette) {
  std::string text = Totals(recording);
  const std::vector<BlockGroup> groups = GroupBlocks(recording);
  const std::size_t shown = std::min(kGroupsShown, groups.size());
  for (std::size_t at = 0; at < shown; ++at) text += "\n" + GroupText(groups[at], at + 1, recording, palette);
  if (groups.size() > shown) {
    std::chrono::nanoseconds rest{};
    for (const BlockGroup& group : std::span(groups).subspan(shown)) rest += group.total;
    text += fmt::format("\n{} more stacks with {} are not shown; --format json has all\n", groups.size() - shown,
                        SecondsText(rest));
  }
  if (!recording.blocks.empty()) text += "\n" + LongestBlocks(recording);
  return text;
}

}  // namespace pyleak::cli
