#include "attach/trace/last_run.h"

#include <gtest/gtest.h>

namespace pyleak::attach {
namespace {

TEST(LastRun, ReadsTheLineOfProc) {
  const auto start = ParseExecutionStart(
      "cat (17, #threads: 1)\n-------------------\n"
      "se.exec_start                                :       1661537.849050\n"
      "se.vruntime                                  :          4242.000001\n");
  EXPECT_EQ(start, std::chrono::nanoseconds(1661537849050));
}

TEST(LastRun, SaysNothingOfOtherText) {
  for (const char* text : {"", "se.exec_start", "se.exec_start : \n", "se.exec_start : 12\n", "se.exec_start : 12.3\n",
                           "se.vruntime : 1.000000\n"}) {
    EXPECT_FALSE(ParseExecutionStart(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace pyleak::attach
