#include "attach/proc/memory_cgroup.h"

#include <gtest/gtest.h>

#include <string>

namespace pyleak::attach {
namespace {

constexpr std::string_view kUnifiedMounts =
    "24 1 0:5 / /dev rw - devtmpfs udev rw,size=1k\n"
    "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr std::string_view kSeparateMounts =
    "14:35 31 0:31 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

std::string FolderOf(std::string_view cgroups, std::string_view mounts) {
  const auto cgroup = FindMemoryCgroup(cgroups, mounts);
  return cgroup ? cgroup->mount_point + cgroup->path : "none";
}

TEST(MemoryCgroup, IsThatOfTheUnifiedHierarchy) {
  EXPECT_EQ(FolderOf("0::/system.slice/a.service\n", kUnifiedMounts), "/sys/fs/cgroup/system.slice/a.service");
  EXPECT_EQ(FolderOf("0::/\n", kUnifiedMounts), "/sys/fs/cgroup");
}

TEST(MemoryCgroup, IsThatOfTheMemoryHierarchyWhereThereIsOne) {
  EXPECT_EQ(FolderOf("5:cpu,cpuacct:/x\n4:memory:/a/b\n0::/c\n", kSeparateMounts), "/sys/fs/cgroup/memory/a/b");
  EXPECT_EQ(FolderOf("0::/c\n4:memory:/a/b\n", kSeparateMounts), "/sys/fs/cgroup/memory/a/b");
}

TEST(MemoryCgroup, LiesBelowTheMountedPartOfTheHierarchy) {
  constexpr std::string_view kMounts = "29 23 0:26 /box /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
  EXPECT_EQ(FolderOf("0::/box/a\n", kMounts), "/sys/fs/cgroup/a");
  EXPECT_EQ(FolderOf("0::/other\n", kMounts), "none");
}

TEST(MemoryCgroup, IsUnknownWhereNothingIsMountedOrTheTextIsNone) {
  EXPECT_EQ(FolderOf("0::/a\n", ""), "none");
  EXPECT_EQ(FolderOf("", kUnifiedMounts), "none");
  EXPECT_EQ(FolderOf("no colon\n:\n", "a - b\n - \n"), "none");
}

}  // namespace
}  // namespace pyleak::attach
