#include "cli/watch/self_check.h"

#include <fmt/format.h>

#include <ctime>

#include "cli/report/text.h"

namespace pyleak::cli {
namespace {

using std::chrono::nanoseconds;

/// Steps of less are adjustments (adjtime(3), NTP) and the time between two readings of ours.
constexpr nanoseconds kLeastJump = std::chrono::milliseconds(500);
constexpr nanoseconds kTellAgain = std::chrono::minutes(1);

nanoseconds Read(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

}  // namespace

Clocks Clocks::Now() { return {Read(CLOCK_MONOTONIC), Read(CLOCK_REALTIME), Read(CLOCK_BOOTTIME)}; }

std::vector<Warning> SelfCheck::OnLook(attach::HeartbeatTime due, const Clocks& now) {
  std::vector<Warning> warnings;
  const auto warn = [&](const char* code, std::string message) {
    warnings.push_back({Timestamp(now.realtime), code, std::move(message), std::nullopt});
  };
  const nanoseconds passed = now.monotonic - last_.monotonic;
  const nanoseconds suspended = now.boottime - last_.boottime - passed;
  const nanoseconds jump = now.realtime - last_.realtime - passed - suspended;
  last_ = now;
  if (suspended >= kLeastJump) {
    warn("suspended",
         fmt::format("the machine was suspended for {}: durations leave that out", SecondsText(suspended)));
  }
  if (jump >= kLeastJump || jump <= -kLeastJump) {
    warn("clock_jumped", fmt::format("the system's clock was set {} by {}: timestamps before and after do not go "
                                     "together; durations are not concerned",
                                     jump < nanoseconds(0) ? "back" : "forward", SecondsText(std::chrono::abs(jump))));
  }
  const nanoseconds late = now.monotonic - due;
  if (late < threshold_) return warnings;
  ++lateness_.looks;
  lateness_.total += late;
  if (told_of_lateness_ && now.monotonic - *told_of_lateness_ < kTellAgain) return warnings;
  told_of_lateness_ = now.monotonic;
  warn("late", fmt::format("pyleak itself was late by {}: samples of that time are late or missing; durations are "
                           "exact",
                           SecondsText(late)));
  return warnings;
}

}  // namespace pyleak::cli
