#include "attach/proc/file_rights.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace pyleak::attach {
namespace {

TEST(FileRights, AreTheLastOfEachLine) {
  const auto rights =
      ParseFileRights("Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nFDSize:\t64\nGroups:\t9 10 \nNStgid:\t1\n");
  ASSERT_TRUE(rights.has_value());
  EXPECT_EQ(*rights, (FileRights{4, 8, {9, 10}}));
}

TEST(FileRights, MayBeOfNoFurtherGroup) {
  EXPECT_EQ(ParseFileRights("x\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t \nPid:\t1\n"), (FileRights{4, 8, {}}));
}

TEST(FileRights, AreNeverGuessed) {
  EXPECT_FALSE(ParseFileRights("").has_value());
  EXPECT_FALSE(ParseFileRights("x\nUid:\t1\t2\t3\nGid:\t5\t6\t7\t8\n").has_value());
  EXPECT_FALSE(ParseFileRights("x\nUid:\t1\t2\t3\t4\n").has_value());
  EXPECT_FALSE(ParseFileRights("x\nUid:\t1\t2\t3\t99999999999\nGid:\t5\t6\t7\t8\n").has_value());
}

TEST(FileRights, OfOneOfOursAreOurs) { EXPECT_TRUE(BorrowedFileRights::Of(::getpid()).ok()); }

}  // namespace
}  // namespace pyleak::attach
