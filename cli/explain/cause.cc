#include "cli/explain/cause.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "attach/trace/system_call_names.h"
#include "attach/trace/wait_calls.h"
#include "cli/explain/lock.h"
#include "cli/explain/place.h"
#include "cli/explain/remedy.h"
#include "cli/explain/shares.h"
#include "cli/explain/system_call.h"
#include "cli/report/text.h"

namespace pyleak::cli {
namespace {

using std::chrono::nanoseconds;

/// The call that the thread slept in for most of the time, and how it slept there.
struct MainCall {
  attach::ThreadActivity activity;
  nanoseconds time{};
  double part = 1;                           ///< Of all the time that it slept.
  nanoseconds uninterruptible{};             ///< In state D.
  std::optional<attach::CallObject> object;  ///< What it worked on, when a sample was taken.
};

bool IsSameWait(const BlockEvidence& evidence, const attach::ThreadActivity& one, const attach::ThreadActivity& other) {
  return one.system_call == other.system_call && LockOf(evidence, one) == LockOf(evidence, other);
}

std::optional<MainCall> FindMainCall(const BlockEvidence& evidence) {
  std::vector<MainCall> calls;
  const auto add = [&](const attach::ThreadActivity& activity, nanoseconds time) -> MainCall& {
    const auto known = std::ranges::find_if(
        calls, [&](const MainCall& call) { return IsSameWait(evidence, call.activity, activity); });
    MainCall& call = known == calls.end() ? calls.emplace_back(MainCall{activity, {}, {}, {}}) : *known;
    call.time += time;
    return call;
  };
  for (const SeenActivity& seen : evidence.measure.seen) {
    if (!IsAsleep(seen)) continue;
    MainCall& call = add(seen.activity, seen.time);
    if (seen.state == 'D') call.uninterruptible += seen.time;
  }
  for (const SampleEvidence& sample : evidence.samples) {
    if (sample.activity.running) continue;
    // A look has seen as much already; without looks samples have to do.
    MainCall& call = add(sample.activity, nanoseconds(evidence.measure.seen.empty() ? 1 : 0));
    if (!call.object) call.object = sample.object;
  }
  const auto main = std::ranges::max_element(calls, {}, &MainCall::time);
  if (main == calls.end()) return std::nullopt;
  nanoseconds all{};
  for (const MainCall& call : calls) all += call.time;
  if (all > nanoseconds(0)) main->part = static_cast<double>(main->time.count()) / static_cast<double>(all.count());
  return *main;
}

/// " 0.300s of 0.301s <how>"; without figures where nothing was measured.
std::string Lasted(const Shares& shares, nanoseconds part, nanoseconds duration, const char* how) {
  if (!shares.measured) return how;
  return fmt::format("{} of {} {}", SecondsText(part), SecondsText(duration), how);
}

/// What else took a tenth of the block or more.
std::string AndElse(const Shares& shares, nanoseconds duration, const nanoseconds* told) {
  std::string text;
  const auto add = [&](const nanoseconds& part, const char* what) {
    if (&part != told && shares.measured && part * 10 >= duration) {
      text += fmt::format(", {} {}", SecondsText(part), what);
    }
  };
  add(shares.cpu, "on the CPU");
  add(shares.asleep, "asleep");
  add(shares.stopped, "stopped");
  add(shares.runqueue, "ready to run but without a CPU");
  return text;
}

Cause ExplainSleep(const BlockEvidence& evidence, const Shares& shares, const std::optional<MainCall>& call) {
  Cause cause;
  const std::string lasted = Lasted(shares, shares.asleep, evidence.duration, "asleep");
  if (!call) {
    cause.summary = lasted + ", not seen in any system call";
    return cause;
  }
  if (const AwaitedLock* lock = LockOf(evidence, call->activity)) {
    const auto part = std::chrono::duration_cast<nanoseconds>(shares.asleep * call->part);
    cause.kind = lock->kind == LockKind::kGil ? CauseKind::kGil : CauseKind::kLock;
    cause.syscall = attach::SystemCallName(call->activity.system_call);
    cause.summary = WaitText(*lock, evidence.stack) + ", " + Lasted(shares, part, evidence.duration, "asleep");
    AddHolder(evidence, *lock, cause);
    return cause;
  }
  const bool on_disk = call->uninterruptible * 2 > call->time;
  cause.kind = KindOfCall(call->activity, on_disk);
  const attach::CallObject object = call->object.value_or(attach::CallObject{});
  cause.summary = DescribeCall(call->activity, object) + ", " + lasted;
  if (call->activity.system_call < 0) return cause;
  cause.syscall = attach::SystemCallName(call->activity.system_call);
  cause.fd = object.descriptor;
  if (!object.name.empty()) cause.target = object.name;
  return cause;
}

/// Who waits for the GIL asks for it every 5 ms, and may wait for a CPU to do so: that loses no time.
bool WaitsForGilAlsoWithoutCpu(const BlockEvidence& evidence, const Shares& shares,
                               const std::optional<MainCall>& call) {
  const AwaitedLock* lock = call ? LockOf(evidence, call->activity) : nullptr;
  return lock != nullptr && lock->kind == LockKind::kGil && shares.asleep * call->part * 3 >= shares.runqueue;
}

/// The garbage collection that most samples met, of two or more: one alone may have met a short one by chance.
std::optional<std::string> MainCollection(const BlockEvidence& evidence) {
  std::size_t met = 0;
  const std::string* last = nullptr;
  for (const SampleEvidence& sample : evidence.samples) {
    if (!sample.collection) continue;
    ++met;
    last = &*sample.collection;
  }
  if (met < 2 || met * 2 <= evidence.samples.size()) return std::nullopt;
  return *last;
}

Cause ExplainCpu(const BlockEvidence& evidence, const Shares& shares) {
  const std::string lasted = Lasted(shares, shares.cpu, evidence.duration, "on the CPU");
  Cause cause;
  cause.kind = CauseKind::kCpu;
  cause.summary = lasted;
  const auto collection = MainCollection(evidence);
  if (!collection) return cause;
  cause.kind = CauseKind::kGc;
  cause.summary = "garbage collection" + (collection->empty() ? "" : " (" + *collection + ")") + ", " + lasted;
  return cause;
}

Cause ExplainShares(const BlockEvidence& evidence, const Shares& shares, const std::optional<MainCall>& call) {
  const nanoseconds duration = evidence.duration;
  nanoseconds asleep = shares.asleep;
  if (WaitsForGilAlsoWithoutCpu(evidence, shares, call)) asleep += shares.runqueue;
  const nanoseconds longest = std::max({shares.cpu, shares.runqueue, shares.stopped, asleep});
  Cause cause;
  const nanoseconds* told = &shares.asleep;
  if (longest == asleep) {
    cause = ExplainSleep(evidence, shares, call);
  } else if (longest == shares.cpu) {
    told = &shares.cpu;
    cause = ExplainCpu(evidence, shares);
  } else if (longest == shares.stopped) {
    told = &shares.stopped;
    cause.kind = CauseKind::kStopped;
    const bool traced = std::ranges::any_of(evidence.measure.seen, [](const auto& seen) { return seen.state == 't'; });
    cause.summary = (traced ? "stopped by a debugger, " : "stopped by a signal (SIGSTOP, Ctrl-Z), ") +
                    Lasted(shares, shares.stopped, duration, "stopped");
  } else {
    told = &shares.runqueue;
    cause.kind = CauseKind::kNotScheduled;
    cause.summary = "ready to run but without a CPU, " + Lasted(shares, shares.runqueue, duration, "waiting for one");
  }
  cause.summary += AndElse(shares, duration, told);
  return cause;
}

/// Bounds this close make one figure.
bool IsCertain(const TimeBounds& bounds, nanoseconds duration) {
  return bounds.most - bounds.least <= std::max<nanoseconds>(duration / 5, std::chrono::milliseconds(1));
}

}  // namespace

Cause ExplainBlock(const BlockEvidence& evidence) {
  const auto shares = DivideTime(evidence);
  if (!shares) return {};
  const auto call = FindMainCall(evidence);
  Cause cause = ExplainShares(evidence, *shares, call);
  if (evidence.stack != nullptr) {
    const std::string place = cause.kind == CauseKind::kGc ? PlaceText(*evidence.stack) : "";
    if (!place.empty()) cause.summary += "; while at " + place;
    const attach::ThreadActivity activity = call ? call->activity : attach::ThreadActivity{};
    const std::string remedy = RemedyFor(cause.kind, activity, *evidence.stack, evidence.loop_kind);
    if (!remedy.empty()) cause.summary += "; " + remedy;
  }
  const auto& use = evidence.measure.use;
  if (use && IsCertain(use->cpu, evidence.duration) && IsCertain(use->runqueue, evidence.duration)) {
    cause.cpu = shares->cpu;
    cause.runqueue = shares->runqueue;
    cause.wait = shares->asleep + shares->stopped;
  }
  return cause;
}

}  // namespace pyleak::cli
