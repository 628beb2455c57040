#include <algorithm>
#include <chrono>
#include <map>

#include "cli/analyse/block_groups.h"
#include "cli/analyse/frame_label.h"
#include "cli/analyse/report_formats.h"
#include "cli/report/sanitise.h"

namespace pyleak::cli {
namespace {

/// A semicolon ends a frame, and a line's end a stack.
std::string Field(const std::string& frame) {
  std::string text = Sanitise(frame);
  std::ranges::replace(text, ';', ':');
  return text;
}

std::string Folded(const RecordedBlock& block, const symbolize::Stack& stack) {
  std::string line = Field(block.thread.process + " (pid " + std::to_string(block.thread.pid) + ")");
  for (const symbolize::Frame& frame : stack.frames) line += ";" + Field(FrameLabel(frame));
  return line;
}

}  // namespace

std::string FoldedStacks(const Recording& recording) {
  std::map<std::string, std::chrono::nanoseconds> time_of;
  for (const RecordedBlock& block : recording.blocks) {
    for (const StackShare& share : SharesOf(block)) time_of[Folded(block, recording.stacks[share.stack])] += share.time;
    if (!block.stack) time_of[Folded(block, {}) + ";[no stack]"] += block.duration;
  }
  std::string text;
  for (const auto& [stack, time] : time_of) {
    const auto milliseconds = std::chrono::round<std::chrono::milliseconds>(time).count();
    if (milliseconds > 0) text += stack + " " + std::to_string(milliseconds) + "\n";
  }
  return text;
}

}  // namespace pyleak::cli
