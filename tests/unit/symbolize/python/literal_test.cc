#include "symbolize/python/literal.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pyleak::symbolize::python {
namespace {

using namespace std::string_literals;

// What is expected is what Python 3 prints.

TEST(IntegerLiteral, IsDecimal) {
  using Digits = std::vector<std::uint32_t>;
  EXPECT_EQ(IntegerLiteral(Digits{0}, false), "0");
  EXPECT_EQ(IntegerLiteral(Digits{7}, true), "-7");
  EXPECT_EQ(IntegerLiteral(Digits{0, 1}, false), "1073741824");
  EXPECT_EQ(IntegerLiteral(Digits{0, 0, 0, 1}, false), "1237940039285380274899124224");
}

TEST(FloatLiteral, IsTheShortestInTheFormOfRepr) {
  EXPECT_EQ(FloatLiteral(0.1), "0.1");
  EXPECT_EQ(FloatLiteral(1e15), "1000000000000000.0");
  EXPECT_EQ(FloatLiteral(1e16), "1e+16");
  EXPECT_EQ(FloatLiteral(0.0001), "0.0001");
  EXPECT_EQ(FloatLiteral(0.00001), "1e-05");
  EXPECT_EQ(FloatLiteral(1.7976931348623157e308), "1.7976931348623157e+308");
  EXPECT_EQ(FloatLiteral(-0.0), "-0.0");
}

TEST(TextLiteral, IsQuotedAndEscaped) {
  EXPECT_EQ(TextLiteral("it's"), "\"it's\"");
  EXPECT_EQ(TextLiteral("'\""), "'\\'\"'");
  EXPECT_EQ(TextLiteral("a\n\\\x1b[2J"), "'a\\n\\\\\\x1b[2J'");
  EXPECT_EQ(TextLiteral("\xc2\x9b \xc3\xa4"), "'\\x9b \xc3\xa4'");
  EXPECT_EQ(TextLiteral("\xc2"), "'\xc2'");
}

TEST(BytesLiteral, IsAscii) { EXPECT_EQ(BytesLiteral("a\0\xff'"s), "b\"a\\x00\\xff'\""); }

}  // namespace
}  // namespace pyleak::symbolize::python
