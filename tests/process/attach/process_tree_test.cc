#include "attach/proc/process_tree.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/child.h"

namespace pyleak::attach {
namespace {

TEST(ProcessTree, HasEveryDescendantThatTheShellsTell) {
  // Each shell says whom it started; the end of our standard input ends them all.
  testing_support::Child shell(
      {"sh", "-c", "exec 3<&0; cat <&3 & echo $!; sh -c 'cat <&3 & echo $!; wait' & echo $!; wait"});
  std::vector<int> told;
  for (int i = 0; i < 3; ++i) told.push_back(std::stoi(shell.ReadLine()));
  auto found = Descendants(shell.pid());
  std::sort(told.begin(), told.end());
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, told);
}

TEST(ProcessTree, OfNobodyIsEmpty) { EXPECT_TRUE(Descendants(0x7fffffff).empty()); }

}  // namespace
}  // namespace pyleak::attach
