#include "cli/report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <ranges>
#include <utility>

#include "cli/report/sample_spread.h"
#include "cli/report/sanitise.h"

namespace pyleak::cli {
namespace {

using std::chrono::nanoseconds;
using symbolize::Frame;
using symbolize::Language;
using symbolize::Stack;

bool IsNative(const Frame& frame) { return frame.language == Language::kNative || frame.language == Language::kKernel; }

std::string Basename(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string NativeFrameText(const Frame& frame) {
  std::string text = frame.language == Language::kKernel ? "    <kernel> " : "    <native> ";
  text += frame.name.empty() ? fmt::format("{:#x}", frame.address.value()) : Sanitise(frame.name);
  if (!frame.module.empty()) text += ", " + Sanitise(Basename(frame.module));
  return text;
}

bool HasNativeFramesOnly(const Stack& stack) { return std::all_of(stack.frames.begin(), stack.frames.end(), IsNative); }

/// True for a frame that is shown by its source line. Below an interpreted language a native frame says what was
/// called, and its line tells the user something only where the source is at hand.
bool IsShownBySource(const Frame& frame, bool native_only) {
  if (!IsNative(frame)) return true;
  return !frame.filename.empty() && frame.lineno && (native_only || frame.line);
}

std::string SourceFrameText(const Frame& frame) {
  std::string text = "    File \"" + Sanitise(frame.filename) + "\"";
  if (frame.lineno) text += ", line " + std::to_string(*frame.lineno);
  text += ", in " + Sanitise(frame.name);
  if (frame.line && !frame.line->empty()) text += "\n      " + Sanitise(*frame.line);
  if (!frame.locals) return text;
  for (const auto& [name, value] : *frame.locals) text += "\n        " + Sanitise(name) + " = " + Sanitise(value);
  return text;
}

/// The frames that a text stack shows: unless `all`, those of an interpreted language and what the innermost of them
/// has called. Of that, a frame without a name tells the module alone, and nothing if that is its caller's.
std::vector<const Frame*> ShownFrames(const std::vector<Frame>& frames, bool all) {
  std::vector<const Frame*> shown;
  const auto below = std::find_if_not(frames.rbegin(), frames.rend(), IsNative).base();
  for (auto frame = frames.begin(); frame != frames.end(); ++frame) {
    const auto tells = [&] {
      return !frame->name.empty() || std::next(frame) == frames.end() || frame->module != std::prev(frame)->module;
    };
    if (all || !IsNative(*frame) || (frame >= below && tells())) shown.push_back(&*frame);
  }
  return shown;
}

bool SameLine(const Frame& left, const Frame& right) {
  return left.filename == right.filename && left.lineno == right.lineno && left.name == right.name &&
         left.language == right.language && (!IsNative(left) || left.address == right.address);
}

/// How often traceback shows a line that repeats itself (Lib/traceback.py, _RECURSIVE_CUTOFF).
constexpr std::size_t kRepeatsShown = 3;

/// A summary is read by people: of a service with a hundred workers it names this many loops.
constexpr std::size_t kLoopsShown = 20;

std::string LoopText(const ThreadName& thread, const Loop& loop) {
  return fmt::format("{}, thread {} \"{}\" of {} (pid {})", Sanitise(loop.kind), thread.tid, Sanitise(thread.thread),
                     Sanitise(thread.process), thread.pid);
}

std::string FiguresText(const LoopFigures& figures) {
  std::string text = fmt::format("{} iteration(s), ", figures.iterations);
  if (figures.congested) text += "congested: ";
  text += fmt::format("busy {:.1f} % of the time", 100 * figures.utilisation());
  const Lag& lag = figures.lag;
  if (figures.congested) text += ", no iteration over " + SecondsText(*lag.max);
  const std::pair<const char*, std::optional<nanoseconds>> lags[] = {
      {"p50", lag.p50}, {"p90", lag.p90}, {"p99", lag.p99}, {"p99.9", lag.p999}, {"max", lag.max}};
  const char* separator = "; lag ";
  for (const auto& [name, value] : lags) {
    if (value) text += std::exchange(separator, ", ") + fmt::format("{} {}", name, SecondsText(*value));
  }
  if (figures.blocks > 0) text += fmt::format("; {} block(s), {}", figures.blocks, SecondsText(figures.blocked));
  return text;
}

void AddStack(std::string& text, const std::string& title, const Stack& stack, const TextStyle& style) {
  text += fmt::format("\n  {}:", title);
  if (stack.frames.empty()) text += " not captured";
  if (!stack.frames.empty() && !stack.complete) text += "\n    <incomplete: the outermost frames are not known>";
  if (!stack.frames.empty()) text += "\n" + StackText(stack, style);
}

/// What all samples have in common, and below that the branch of most of them.
void AddHeaviestBranch(std::string& text, const SampleSpread& spread, const Stack& heaviest, const TextStyle& style) {
  const auto fork = heaviest.frames.begin() + static_cast<std::ptrdiff_t>(spread.common_frames);
  Stack part = heaviest;
  part.frames.assign(heaviest.frames.begin(), fork);
  if (!part.frames.empty()) AddStack(text, "Blocking Stack", part, style);
  if (part.frames.empty()) text += "\n  Blocking Stack:";
  text += fmt::format("\n    <the samples part here: {} of {} go this way>", spread.heaviest_samples, spread.samples);
  part.frames.assign(fork, heaviest.frames.end());
  text += "\n" + StackText(part, style);
}

/// The stacks of a block and, if there are several, what they say together.
void AddBlockingStack(std::string& text, const BlockEvent& event, const TextStyle& style) {
  std::vector<SeenStack> seen;
  for (const Sample& sample : event.samples) seen.push_back({&sample.blocking_stack, sample.count});
  const Stack shown = event.blocking_stack.value_or(Stack());
  if (seen.empty()) return AddStack(text, "Blocking Stack", shown, style);
  const SampleSpread spread = SpreadOf(seen);
  const Stack& heaviest = *seen[spread.heaviest].stack;
  const std::string several = SpreadText(spread, heaviest);
  if (!several.empty()) text += "\n  Samples: " + several;
  if (event.ongoing) {
    AddStack(text, several.empty() ? "Blocking Stack" : "Blocking Stack, the last seen", shown, style);
  } else if (several.empty() || spread.has_single_culprit() || spread.common_frames == heaviest.frames.size()) {
    AddStack(text, "Blocking Stack", shown, style);
  } else {
    AddHeaviestBranch(text, spread, heaviest, style);
  }
}

void AddHolder(std::string& text, const Holder& holder, const std::string& lock, const TextStyle& style) {
  if (!holder.stack) return;
  const std::string thread = fmt::format("thread {} \"{}\"", holder.tid, Sanitise(holder.name));
  AddStack(text, "Stack of " + thread + ", which held " + lock, *holder.stack, style);
}

}  // namespace

std::string EndText(const attach::ProcessEnd& end) {
  if (end.signal == 0) return fmt::format("has exited with status {}", end.exit_status);
  const char* const name = ::sigabbrev_np(end.signal);
  return "was killed by " + (name != nullptr ? "SIG" + std::string(name) : fmt::format("signal {}", end.signal));
}

std::string SecondsText(nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  return duration < std::chrono::milliseconds(10) ? fmt::format("{:.6f}s", seconds) : fmt::format("{:.3f}s", seconds);
}

std::string StackText(const Stack& stack, const TextStyle& style) {
  const bool native_only = HasNativeFramesOnly(stack);
  const auto frames = ShownFrames(stack.frames, style.native || native_only);
  std::string text;
  for (std::size_t at = 0; at < frames.size();) {
    std::size_t end = at + 1;
    while (end < frames.size() && SameLine(*frames[at], *frames[end])) ++end;
    const std::size_t repeats = end - at;
    for (std::size_t shown = 0; shown < std::min(repeats, kRepeatsShown); ++shown) {
      const Frame& frame = *frames[at + shown];
      const bool by_source = IsShownBySource(frame, native_only);
      text += by_source ? SourceFrameText(frame) : style.palette.Faint(NativeFrameText(frame));
      text += "\n";
    }
    if (repeats > kRepeatsShown) {
      const std::size_t more = repeats - kRepeatsShown;
      text += fmt::format("    [Previous line repeated {} more time{}]\n", more, more == 1 ? "" : "s");
    }
    at = end;
  }
  if (!text.empty()) text.pop_back();
  return text;
}

std::string StartedText(const WatchStarted& started) {
  return fmt::format("Watching {} (pid {}){} for event loop blocks longer than {}{}", Sanitise(started.process),
                     started.pid, started.children ? " and its children" : "", SecondsText(started.threshold),
                     started.no_agent ? ", from outside (" + Sanitise(*started.no_agent) + ")" : "");
}

std::string OnsetText(const Onset& onset) {
  return fmt::format("Event loop blocked for {} (threshold: {})", SecondsText(onset.lag), SecondsText(onset.threshold));
}

std::string StillBlockedText(const BlockEvent& event) {
  return fmt::format("Event loop still blocked after {}", SecondsText(event.duration));
}

std::string BlockText(const BlockEvent& event, const TextStyle& style) {
  std::string text = style.palette.Alarm(fmt::format("Event Loop Block: block-{}", event.block_id));
  text += fmt::format("\n  Duration: {}{} (threshold: {})", SecondsText(event.duration),
                      event.ongoing ? ", still blocked" : "", SecondsText(event.threshold));
  text +=
      fmt::format("\n  Timestamp: {:.3f}", std::chrono::duration<double>(event.timestamp.time_since_epoch()).count());
  text += "\n  Loop: " + LoopText(event.thread, event.loop);
  if (!event.cause.summary.empty()) text += "\n  Cause: " + Sanitise(event.cause.summary);
  if (event.task) text += "\n  Task: " + Sanitise(event.task->name) + " " + Sanitise(event.task->coroutine);
  AddBlockingStack(text, event, style);
  if (const auto& holder = event.cause.gil_holder) AddHolder(text, *holder, "the GIL", style);
  if (const auto& holder = event.cause.lock_holder) AddHolder(text, *holder, "the lock", style);
  for (const auto& note : CaptureNotes(event)) text += "\n  Note: " + Sanitise(note);
  return text;
}

std::string CountedText(const CountedBlocks& counted) {
  const auto seconds = std::chrono::round<std::chrono::seconds>(counted.span);
  const std::string span = seconds == std::chrono::minutes(1) ? "minute" : fmt::format("{} s", seconds.count());
  const std::string what = counted.like > 0 ? fmt::format("like block-{}", counted.like) : "blocks of other stacks";
  return fmt::format("{} more {} in the last {}, {}", counted.count, what, span, SecondsText(counted.blocked));
}

std::string SummaryText(const WatchEnded& ended) {
  std::string text = fmt::format("Event loop monitoring summary: {} block(s), {:.2f}s total blocked time", ended.blocks,
                                 std::chrono::duration<double>(ended.blocked).count());
  for (const LoopTotals& loop : ended.loops | std::views::take(kLoopsShown)) {
    text += "\n  " + LoopText(loop.thread, loop.loop) + ": " + FiguresText(loop.figures);
  }
  if (ended.loops.size() > kLoopsShown)
    text += fmt::format("\n  and {} loop(s) more", ended.loops.size() - kLoopsShown);
  if (ended.freezes > 0)
    text += fmt::format("\n  threads held {} time(s), {}", ended.freezes, SecondsText(ended.frozen));
  if (ended.target_end && *ended.target_end != attach::ProcessEnd{}) {
    text += "\n  the target " + EndText(*ended.target_end);
  }
  if (ended.late.looks > 0) {
    text += fmt::format("\n  pyleak itself looked late {} time(s), {} in all", ended.late.looks,
                        SecondsText(ended.late.total));
  }
  const std::pair<std::uint64_t, const char*> losses[] = {
      {ended.dropped.blocks,
       "block(s) counted only: they came faster, or their process ended sooner, than pyleak could look"},
      {ended.dropped.loops, "loop(s) not watched: more than the heartbeat has room for"},
      {ended.dropped.records, "event(s) not written"}};
  for (const auto& [count, what] : losses) {
    if (count > 0) text += fmt::format("\n  {} {}", count, what);
  }
  return text;
}

std::string StatsText(const LoopStats& stats) {
  return fmt::format("Event loop statistics of {}: {}: {}", SecondsText(stats.interval),
                     LoopText(stats.totals.thread, stats.totals.loop), FiguresText(stats.totals.figures));
}

std::string SnapshotText(const LoopSnapshot& snapshot, const TextStyle& style) {
  std::string text = "Event Loop: " + LoopText(snapshot.thread, snapshot.loop);
  text += snapshot.waiting ? "\n  State: waiting in " + Sanitise(snapshot.loop.wait) : "\n  State: busy";
  if (snapshot.since) text += " for " + SecondsText(*snapshot.since);
  if (!snapshot.blocking_stack) return text;
  AddStack(text, "Stack", *snapshot.blocking_stack, style);
  for (const auto& note : snapshot.blocking_stack->notes) text += "\n  Note: " + Sanitise(note);
  return text;
}

const char* VerdictName(Check::Verdict verdict) {
  switch (verdict) {
    case Check::Verdict::kOk:
      return "ok";
    case Check::Verdict::kNote:
      return "note";
    case Check::Verdict::kProblem:
      break;
  }
  return "problem";
}

std::string CheckText(const Check& check, const TextStyle& style) {
  const std::string verdict = fmt::format("{:<8}", VerdictName(check.verdict));
  std::string text = check.verdict == Check::Verdict::kProblem ? style.palette.Alarm(verdict) : verdict;
  text += check.subject + ": " + Sanitise(check.finding);
  if (!check.hint.empty()) text += "\n  hint: " + Sanitise(check.hint);
  return text;
}

std::vector<std::string> CaptureNotes(const BlockEvent& event) {
  std::vector<std::string> notes;
  const auto add = [&notes](const std::vector<std::string>& more) {
    for (const auto& note : more) {
      if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
    }
  };
  add(event.capture.notes);
  if (event.blocking_stack) add(event.blocking_stack->notes);
  if (event.native_stack) add(event.native_stack->notes);
  return notes;
}

}  // namespace pyleak::cli
