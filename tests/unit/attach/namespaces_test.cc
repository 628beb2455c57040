#include "attach/proc/namespaces.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

namespace pyleak::attach {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(MonotonicOffset, IsSecondsAndNanoseconds) {
  EXPECT_EQ(ParseMonotonicOffset("monotonic           0         0\nboottime            7         0\n"), nanoseconds(0));
  EXPECT_EQ(ParseMonotonicOffset("monotonic       86400        25\n"), seconds(86400) + nanoseconds(25));
  // The kernel keeps the nanoseconds positive.
  EXPECT_EQ(ParseMonotonicOffset("monotonic          -1 500000000"), nanoseconds(-500000000));
}

TEST(MonotonicOffset, IsNotReadFromAnythingElse) {
  EXPECT_EQ(ParseMonotonicOffset(""), std::nullopt);
  EXPECT_EQ(ParseMonotonicOffset("monotonic"), std::nullopt);
  EXPECT_EQ(ParseMonotonicOffset("monotonic 1\nboottime 2 3\n"), std::nullopt);
  EXPECT_EQ(ParseMonotonicOffset("boottime 1 2\n"), std::nullopt);
  EXPECT_EQ(ParseMonotonicOffset("monotonic 99999999999999999999 0\n"), std::nullopt);
}

TEST(Namespaces, OfOurOwnProcessAreOurs) {
  const auto process = ProcessIdentity::Open(::getpid());
  ASSERT_TRUE(process.ok());
  const Namespaces own = Namespaces::Of(*process);
  EXPECT_EQ(own.FindThread(::gettid()), ::gettid());
  EXPECT_EQ(own.OwnNumber(::gettid()), ::gettid());
  EXPECT_EQ(own.clock_offset(), nanoseconds(0));
}

}  // namespace
}  // namespace pyleak::attach
