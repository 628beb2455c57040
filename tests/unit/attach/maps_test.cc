#include "attach/proc/maps.h"

#include <gtest/gtest.h>

namespace pyleak::attach {
namespace {

TEST(MemoryMap, ReadsTheLinesOfProc) {
  const auto map = MemoryMap::Parse(
      "55d0c0000000-55d0c0002000 r-xp 00001000 fd:00 1234                       /usr/bin/a b (deleted)\n"
      "7f0000000000-7f0000001000 rw-s 00000000 00:01 7 /memfd:x (deleted)\n"
      "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]\n"
      "7fff00000000-7fff00001000 ---p 00000000 00:00 0 \n");
  ASSERT_EQ(map.mappings().size(), 4U);
  EXPECT_EQ(map.mappings()[0].path, "/usr/bin/a b (deleted)");
  EXPECT_EQ(map.mappings()[0].file_offset, 0x1000U);
  EXPECT_EQ(map.mappings()[0].inode, 1234U);
  EXPECT_TRUE(map.mappings()[0].executable);
  EXPECT_FALSE(map.mappings()[0].writable);
  EXPECT_TRUE(map.mappings()[1].shared);
  EXPECT_EQ(map.mappings()[2].path, "[stack]");
  EXPECT_EQ(map.mappings()[3].path, "");
  EXPECT_FALSE(map.mappings()[3].readable);
}

TEST(MemoryMap, FindsTheMappingOfAnAddress) {
  const auto map = MemoryMap::Parse("2000-3000 r--p 0 0:0 0 b\n1000-2000 r--p 0 0:0 0 a\n");
  EXPECT_EQ(map.Find(RemoteAddress(0xfff)), nullptr);
  ASSERT_NE(map.Find(RemoteAddress(0x1fff)), nullptr);
  EXPECT_EQ(map.Find(RemoteAddress(0x1fff))->path, "a");
  EXPECT_EQ(map.Find(RemoteAddress(0x2000))->path, "b");
  EXPECT_EQ(map.Find(RemoteAddress(0x3000)), nullptr);
}

TEST(MemoryMap, LeavesOutWhatIsNotALineOfProc) {
  EXPECT_TRUE(MemoryMap::Parse("\n\nzz\n1000-\n1000-2000\n1000-2000 rwx\n3000-2000 r--p 0 0:0 0\n").mappings().empty());
}

}  // namespace
}  // namespace pyleak::attach
