#include "cli/report/sanitise.h"

#include <gtest/gtest.h>

namespace pyleak::cli {
namespace {

using namespace std::string_view_literals;

TEST(Sanitise, LeavesReadableTextAlone) {
  EXPECT_EQ(Sanitise("größe 漢字 🐍\tx = 'a'"), "größe 漢字 🐍\tx = 'a'");
  EXPECT_EQ(Sanitise(""), "");
}

TEST(Sanitise, EscapesWhatATerminalObeys) {
  EXPECT_EQ(Sanitise("\x1b[31mred\x1b[0m"), "\\x1b[31mred\\x1b[0m");
  EXPECT_EQ(Sanitise("a\nb\rc\0d\x7f"sv), "a\\x0ab\\x0dc\\x00d\\x7f");
  EXPECT_EQ(Sanitise("\xc2\x9b"
                     "2J"),
            "\\x9b2J");
}

TEST(Sanitise, EscapesWhatReordersText) { EXPECT_EQ(Sanitise("a\u202eb\u2066c\u2028d"), "a\\u202eb\\u2066c\\u2028d"); }

TEST(Sanitise, ReplacesWhatIsNoUtf8) {
  constexpr const char* kFffd = "\xEF\xBF\xBD";
  const std::string one(kFffd);
  EXPECT_EQ(Sanitise("\xff"), one);
  EXPECT_EQ(Sanitise("a\x80z"), "a" + one + "z");
  EXPECT_EQ(Sanitise("\xc0\xaf"), one + one);                      // overlong "/"
  EXPECT_EQ(Sanitise("\xed\xa0\x80"), one + one + one);            // a surrogate
  EXPECT_EQ(Sanitise("\xf4\x90\x80\x80"), one + one + one + one);  // above U+10FFFF
  EXPECT_EQ(Sanitise("\xe6\xbc"), one + one);                      // cut off
}

}  // namespace
}  // namespace pyleak::cli
