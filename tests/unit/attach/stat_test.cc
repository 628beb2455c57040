#include "attach/proc/stat.h"

#include <gtest/gtest.h>

namespace pyleak::attach {
namespace {

TEST(Stat, ReadsANameWithParenthesesAndSpaces) {
  const auto stat = ParseStat(
      "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 100 0 0 0 17 5 0 0 20 0 3 0 987654 1000 10 18446744073709551615 1 2 4096 0 0\n");
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->name, "a) b (c");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent_pid, 1);
  EXPECT_EQ(stat->user_ticks, 17U);
  EXPECT_EQ(stat->system_ticks, 5U);
  EXPECT_EQ(stat->start_ticks, 987654U);
  EXPECT_EQ(stat->stack_start, 4096U);
  EXPECT_FALSE(stat->is_kernel_thread());
}

TEST(Stat, SaysNothingOfTornText) {
  EXPECT_FALSE(ParseStat("").has_value());
  EXPECT_FALSE(ParseStat("1 (x").has_value());
  EXPECT_FALSE(ParseStat("1 (x) S 1 2").has_value());
}

}  // namespace
}  // namespace pyleak::attach
