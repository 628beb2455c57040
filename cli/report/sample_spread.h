#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "symbolize/stack.h"

namespace pyleak::cli {

/// A stack and how often it was seen. The stack is not owned, and never null.
struct SeenStack {
  const symbolize::Stack* stack = nullptr;
  int count = 1;
};

/// Whether many samples show one long call or many short ones. Two samples are at the same place if the lines of the
/// interpreted language are the same that led there, whatever native code these called; in a native program, if all
/// lines are. Stacks that are incomplete do not count where others are complete.
struct SampleSpread {
  int samples = 0;
  std::size_t stacks = 0;  ///< Distinct ones.
  /// The stack, among those that were given, on which one comes out by following most samples at each fork.
  std::size_t heaviest = 0;
  int heaviest_samples = 0;
  /// How many frames of it, the outermost ones, are of functions that all samples are in.
  std::size_t common_frames = 0;
  std::optional<int> common_line;  ///< In the last one of these; none: the samples are at several.
  bool ends_in_common = false;     ///< No sample is in a function that this one calls.

  [[nodiscard]] bool has_single_culprit() const { return 2 * heaviest_samples > samples; }
};

/// `seen` is not empty.
SampleSpread SpreadOf(std::span<const SeenStack> seen);

/// "no single culprit: 14 samples, 9 stacks; all under process_batch (app.py:31)"; empty if there is but one stack.
/// `heaviest`: the stack that the spread means. Safe for a terminal.
std::string SpreadText(const SampleSpread& spread, const symbolize::Stack& heaviest);

/// Equal for stacks that are at the same place. A hundred bytes or so for each frame; no text for people.
std::string SignatureOf(const symbolize::Stack& stack);

/// The same for the samples of a block: where there is no single culprit, of what they are all under. It then is what
/// the signature of each of them begins with. Empty if they have nothing in common.
std::string SignatureOf(const SampleSpread& spread, const symbolize::Stack& heaviest);

/// Whether two stacks stand at the same place: same functions at the same lines. Addresses count only where there is no
/// name.
bool IsSamePlace(const symbolize::Stack& a, const symbolize::Stack& b);

}  // namespace pyleak::cli
