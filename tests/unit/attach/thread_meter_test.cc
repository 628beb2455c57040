#include "attach/trace/thread_meter.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>

namespace pyleak::attach {
namespace {

using namespace std::chrono_literals;

std::chrono::nanoseconds OwnCpuTime() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

TEST(ThreadMeter, ReadsWhatTheSchedulerCounts) {
  EXPECT_EQ(ParseSchedstat("569159 51456 1\n"), (ThreadAccount{569159ns, 51456ns, 1}));
  EXPECT_FALSE(ParseSchedstat("569159").has_value());
  EXPECT_FALSE(ParseSchedstat("569159 -1 1").has_value());
  EXPECT_FALSE(ParseSchedstat("").has_value());
}

TEST(ThreadMeter, AgreesWithTheThreadsOwnClock) {
  auto meter = ThreadMeter::Open({::getpid(), ::gettid()});
  ASSERT_TRUE(meter.ok()) << meter.error().what;
  const auto first = meter->Read();
  ASSERT_TRUE(first.has_value());
  const auto begin = OwnCpuTime();
  while (OwnCpuTime() - begin < 50ms) continue;
  ::usleep(1000);  // the account of a thread that sleeps is up to date
  const auto last = meter->Read();
  ASSERT_TRUE(last.has_value());
  EXPECT_GE(last->cpu - first->cpu, 49ms);
  EXPECT_LE(last->cpu, OwnCpuTime() + 1ms);
}

}  // namespace
}  // namespace pyleak::attach
