#include "cli/report/sample_spread.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/report/sanitise.h"

namespace pyleak::cli {
namespace {

using symbolize::Frame;
using symbolize::Language;
using symbolize::Stack;

/// The frames by which places are told apart, and how often they were seen.
struct Path {
  std::vector<const Frame*> frames;
  int count = 0;
};

bool IsInterpreted(const Frame& frame) {
  return frame.language == Language::kPython || frame.language == Language::kJavaScript;
}

bool IsSameFunction(const Frame& a, const Frame& b) {
  return a.language == b.language && a.name == b.name && a.filename == b.filename &&
         (!a.name.empty() || a.address == b.address);
}

bool IsSameLine(const Frame& a, const Frame& b) { return IsSameFunction(a, b) && a.lineno == b.lineno; }

std::vector<const Frame*> FramesOf(const Stack& stack) {
  const bool interpreted = std::ranges::any_of(stack.frames, IsInterpreted);
  std::vector<const Frame*> frames;
  for (const Frame& frame : stack.frames) {
    if (!interpreted || IsInterpreted(frame)) frames.push_back(&frame);
  }
  return frames;
}

/// The frame at that depth; null beyond the path's end.
const Frame* At(const Path& path, std::size_t depth) {
  return depth < path.frames.size() ? path.frames[depth] : nullptr;
}

bool GoSameWay(const Path& a, const Path& b, std::size_t depth) {
  const Frame* x = At(a, depth);
  const Frame* y = At(b, depth);
  return x == nullptr || y == nullptr ? x == y : IsSameLine(*x, *y);
}

/// Those of `paths` that go on, or end, at that depth as most samples do. `paths` agree up to there.
std::vector<const Path*> HeaviestBranch(const std::vector<const Path*>& paths, std::size_t depth) {
  std::vector<const Path*> heaviest;
  int most = 0;
  for (const Path* path : paths) {
    std::vector<const Path*> branch;
    int samples = 0;
    for (const Path* other : paths) {
      if (!GoSameWay(*path, *other, depth)) continue;
      branch.push_back(other);
      samples += other->count;
    }
    if (samples > most) {
      most = samples;
      heaviest = std::move(branch);
    }
  }
  return heaviest;
}

std::size_t CountDistinct(const std::vector<const Path*>& paths) {
  std::vector<const Path*> distinct;
  for (const Path* path : paths) {
    const bool known = std::ranges::any_of(distinct, [&](const Path* other) {
      return std::ranges::equal(path->frames, other->frames,
                                [](const Frame* a, const Frame* b) { return IsSameLine(*a, *b); });
    });
    if (!known) distinct.push_back(path);
  }
  return distinct.size();
}

/// How many outermost functions all the paths are in.
std::size_t CommonDepth(const std::vector<const Path*>& paths) {
  std::size_t depth = 0;
  const auto shared = [&](const Path* path) {
    const Frame* first = At(*paths.front(), depth);
    const Frame* own = At(*path, depth);
    return first != nullptr && own != nullptr && IsSameFunction(*first, *own);
  };
  while (std::ranges::all_of(paths, shared)) ++depth;
  return depth;
}

std::string Place(const Frame& frame, std::optional<int> line) {
  std::string text = frame.name.empty() ? fmt::format("{:#x}", frame.address.value()) : frame.name;
  const std::string& file = frame.filename.empty() ? frame.module : frame.filename;
  if (file.empty()) return Sanitise(text);
  text += " (" + file.substr(file.rfind('/') + 1);
  if (line) text += ":" + std::to_string(*line);
  return Sanitise(text + ")");
}

std::string SignatureOfFunction(const Frame& frame) {
  const std::string name = frame.name.empty() ? fmt::format("{:#x}", frame.address.value()) : frame.name;
  return fmt::format("{}\n{}\n", name, frame.filename);
}

std::string SignatureOfLine(std::optional<int> line) { return fmt::format("{}\n", line.value_or(0)); }

}  // namespace

SampleSpread SpreadOf(std::span<const SeenStack> seen) {
  const bool any_complete = std::ranges::any_of(seen, [](const SeenStack& one) { return one.stack->complete; });
  std::vector<Path> all;
  for (const SeenStack& one : seen) all.push_back({FramesOf(*one.stack), one.count});
  std::vector<const Path*> paths;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (seen[i].stack->complete || !any_complete) paths.push_back(&all[i]);
  }
  SampleSpread spread;
  for (const Path* path : paths) spread.samples += path->count;
  spread.stacks = CountDistinct(paths);

  std::vector<const Path*> branch = paths;
  const auto longest = std::ranges::max(paths, {}, [](const Path* path) { return path->frames.size(); });
  for (std::size_t depth = 0; depth <= longest->frames.size(); ++depth) branch = HeaviestBranch(branch, depth);
  spread.heaviest = static_cast<std::size_t>(branch.front() - all.data());
  for (const Path* path : branch) spread.heaviest_samples += path->count;

  const std::size_t common = CommonDepth(paths);
  if (common == 0) return spread;
  const Frame* const last = branch.front()->frames[common - 1];
  spread.common_frames = static_cast<std::size_t>(last - seen[spread.heaviest].stack->frames.data()) + 1;
  const auto at_same_line = [&](const Path* path) { return path->frames[common - 1]->lineno == last->lineno; };
  if (std::ranges::all_of(paths, at_same_line)) spread.common_line = last->lineno;
  spread.ends_in_common = std::ranges::all_of(paths, [&](const Path* path) { return path->frames.size() == common; });
  return spread;
}

std::string SpreadText(const SampleSpread& spread, const Stack& heaviest) {
  if (spread.stacks < 2) return "";
  std::string text = spread.has_single_culprit()
                         ? fmt::format("{} of {} samples have this stack", spread.heaviest_samples, spread.samples)
                         : fmt::format("no single culprit: {} samples, {} stacks", spread.samples, spread.stacks);
  if (spread.common_frames == 0) return text + "; nothing in common";
  const Frame& last = heaviest.frames[spread.common_frames - 1];
  return text + (spread.ends_in_common ? "; all in " : "; all under ") + Place(last, spread.common_line);
}

std::string SignatureOf(const Stack& stack) {
  std::string signature;
  for (const Frame* frame : FramesOf(stack)) {
    signature += SignatureOfFunction(*frame) + SignatureOfLine(frame->lineno);
  }
  return signature;
}

std::string SignatureOf(const SampleSpread& spread, const Stack& heaviest) {
  if (spread.has_single_culprit()) return SignatureOf(heaviest);
  std::string signature;
  for (const Frame* frame : FramesOf(heaviest)) {
    const bool common = frame < heaviest.frames.data() + spread.common_frames;
    if (!common) break;
    const bool last = frame + 1 == heaviest.frames.data() + spread.common_frames;
    signature += SignatureOfFunction(*frame);
    if (!last || spread.common_line) signature += SignatureOfLine(frame->lineno);
  }
  return signature;
}

bool IsSamePlace(const Stack& a, const Stack& b) { return std::ranges::equal(a.frames, b.frames, IsSameLine); }

}  // namespace pyleak::cli
