#include "cli/report/color.h"

#include <gtest/gtest.h>

namespace pyleak::cli {
namespace {

TEST(UseColor, IsForTerminalsOnly) {
  EXPECT_TRUE(UseColor(ColorMode::kAuto, {}, true));
  EXPECT_FALSE(UseColor(ColorMode::kAuto, {}, false));
  EXPECT_FALSE(UseColor(ColorMode::kAuto, {.dumb_terminal = true}, true));
}

TEST(UseColor, HonoursTheEnvironment) {
  EXPECT_FALSE(UseColor(ColorMode::kAuto, {.no_color = true}, true));
  EXPECT_TRUE(UseColor(ColorMode::kAuto, {.clicolor_force = true}, false));
  EXPECT_FALSE(UseColor(ColorMode::kAuto, {.no_color = true, .clicolor_force = true}, true));
}

TEST(UseColor, ObeysTheOptionBeforeAll) {
  EXPECT_TRUE(UseColor(ColorMode::kAlways, {.no_color = true}, false));
  EXPECT_FALSE(UseColor(ColorMode::kNever, {.clicolor_force = true}, true));
}

}  // namespace
}  // namespace pyleak::cli
