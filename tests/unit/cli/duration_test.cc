#include "cli/duration.h"

#include <gtest/gtest.h>

#include <string>

namespace pyleak::cli {
namespace {

using namespace std::chrono_literals;

struct Good {
  const char* text;
  std::chrono::nanoseconds value;
};

class GoodDurations : public ::testing::TestWithParam<Good> {};

TEST_P(GoodDurations, AreRead) {
  const auto duration = ParseDuration(GetParam().text);
  ASSERT_TRUE(duration.ok()) << GetParam().text;
  EXPECT_EQ(*duration, GetParam().value) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(Table, GoodDurations,
                         ::testing::Values(Good{"0.2", 200ms}, Good{"0.2s", 200ms}, Good{"200ms", 200ms},
                                           Good{"50us", 50us}, Good{"2m", 2min}, Good{"1", 1s}, Good{"1.5m", 90s},
                                           Good{".5", 500ms}, Good{"0.000000001", 1ns}, Good{"0.001", 1ms},
                                           Good{"86400", 24h}, Good{"007", 7s}, Good{"0.1us", 100ns}));

class BadDurations : public ::testing::TestWithParam<std::string> {};

TEST_P(BadDurations, AreRefusedAndQuoted) {
  const auto duration = ParseDuration(GetParam());
  ASSERT_FALSE(duration.ok()) << GetParam();
  EXPECT_EQ(duration.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(duration.error().what.find("\"" + GetParam() + "\""), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Table, BadDurations,
                         ::testing::Values("", " ", "s", "ms", ".", "-1", "-0.2s", "+1", "0", "0s", "0.0", "1e3",
                                           "1e400", "nan", "inf", "infinity", "0x10", " 1", "1 ", "1 s", "1S", "1h",
                                           "1d", "1sec", "1,5", "1.2.3", "1ss", "1_000", "1m30s", "0.0000000001",
                                           "9223372036854775807", "99999999999999999999999999999999999", "200 ms",
                                           "1\n", std::string("1\0", 2), std::string(400, '9')));

}  // namespace
}  // namespace pyleak::cli
