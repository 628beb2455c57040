#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "attach/trace/frozen_thread.h"
#include "attach/trace/tracer.h"
#include "tests/process/attach/blocking_calls.h"
#include "tests/process/attach/forked_target.h"

namespace pyleak::attach {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using test::BlockingCall;
using test::Eventually;
using test::ForkedTarget;
using test::Treatment;

/// The unit of a terminal's timeout, termios(3).
constexpr milliseconds kDuration(100);
constexpr std::size_t kCalls = 5;
constexpr std::chrono::seconds kLimit(20);
/// Of the quickest call: a busy machine delays some. Some timeouts are rounded up to the millisecond at each stop.
constexpr milliseconds kLateness(10);

struct Outcome {
  long result = 0;
  nanoseconds lasted{};
};

struct Calls {
  std::atomic<bool> missing{false};
  std::atomic<std::size_t> finished{0};
  std::array<Outcome, 256> outcomes{};  ///< The first `finished`.

  [[nodiscard]] std::vector<Outcome> From(std::size_t first) const {
    const auto begin = outcomes.begin();
    return {begin + static_cast<std::ptrdiff_t>(first), begin + static_cast<std::ptrdiff_t>(finished.load())};
  }
};

void MakeAgainAndAgain(const BlockingCall& call, Calls& calls) {
  const auto make = call.prepare(kDuration);
  calls.missing = !make;
  while (make && calls.finished < calls.outcomes.size()) {
    const auto begin = steady_clock::now();
    const long result = make();
    calls.outcomes[calls.finished] = {result, steady_clock::now() - begin};
    ++calls.finished;
  }
}

nanoseconds Quickest(const std::vector<Outcome>& outcomes) {
  return std::ranges::min(outcomes, {}, &Outcome::lasted).lasted;
}

struct Freezes {
  int stopped = 0;
  int left_alone = 0;
};

/// At moments spread over several calls.
Freezes FreezeAgainAndAgain(int pid, const Calls& calls) {
  Freezes freezes;
  auto look = ThreadLook::Open({pid, pid});
  Tracer tracer;
  const std::size_t enough = calls.finished + kCalls;
  const auto deadline = steady_clock::now() + kLimit;
  for (int i = 0; calls.finished < enough && steady_clock::now() < deadline; ++i) {
    std::this_thread::sleep_for(milliseconds(5 + i * 7 % 13));
    tracer.Run([&] {
      const auto frozen = FrozenThread::Freeze(*look, {});
      if (frozen.ok() && frozen->has_value()) ++freezes.stopped;
      if (!frozen.ok() && frozen.error().code == ErrorCode::kRefused) ++freezes.left_alone;
    });
  }
  return freezes;
}

class InterruptedCall : public testing::TestWithParam<BlockingCall> {};

TEST_P(InterruptedCall, EndsAsItWouldHave) {
  const BlockingCall& call = GetParam();
  const ForkedTarget<Calls> target([&](Calls& calls) { MakeAgainAndAgain(call, calls); });
  const Calls& calls = target.shared();
  ASSERT_TRUE(Eventually([&] { return calls.finished >= 3 || calls.missing; }));
  if (calls.missing) GTEST_SKIP() << "this kernel has no such call";
  const std::vector<Outcome> alone = calls.From(0);

  const Freezes freezes = FreezeAgainAndAgain(target.pid(), calls);
  // The first of them had begun before.
  const std::vector<Outcome> watched = calls.From(alone.size() + 1);
  ASSERT_GE(watched.size() + 1, kCalls) << "frozen again and again, the call did not end";

  // Between two calls it may be met in anything.
  const int all = freezes.stopped + freezes.left_alone;
  EXPECT_GE(call.treatment == Treatment::kStopped ? freezes.stopped : freezes.left_alone, all * 3 / 4);
  for (const Outcome& outcome : watched) {
    EXPECT_EQ(outcome.result, alone.front().result);
    EXPECT_GE(outcome.lasted, kDuration);
  }
  EXPECT_LE(Quickest(watched), kDuration + kLateness);
  std::printf("%zu calls, stopped %d times, left alone %d times; the quickest %.2f ms, alone %.2f ms\n", watched.size(),
              freezes.stopped, freezes.left_alone, static_cast<double>(Quickest(watched).count()) / 1e6,
              static_cast<double>(Quickest(alone).count()) / 1e6);
}

std::vector<BlockingCall> AllCalls() {
  std::vector<BlockingCall> all = test::TimeCalls();
  std::ranges::move(test::MessageCalls(), std::back_inserter(all));
  std::ranges::move(test::DescriptorCalls(), std::back_inserter(all));
  return all;
}

std::string NameOf(const testing::TestParamInfo<BlockingCall>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Of, InterruptedCall, testing::ValuesIn(AllCalls()), NameOf);

}  // namespace
}  // namespace pyleak::attach
