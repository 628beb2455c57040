#include "attach/proc/process_tree.h"

#include <gtest/gtest.h>

namespace pyleak::attach {
namespace {

TEST(Children, AreTheNumbersOfTheFile) {
  EXPECT_EQ(ParseChildren("17 4242 "), (std::vector<int>{17, 4242}));
  EXPECT_TRUE(ParseChildren("").empty());
}

TEST(Children, EndWhereTheTextIsTorn) {
  EXPECT_EQ(ParseChildren("17 x 18 "), (std::vector<int>{17}));
  EXPECT_EQ(ParseChildren("17 99999999999999999999 "), (std::vector<int>{17}));
}

}  // namespace
}  // namespace pyleak::attach
