#include "cli/report/color.h"

#include <cstdlib>
#include <string_view>

namespace pyleak::cli {
namespace {

std::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

}  // namespace

ColorEnvironment ReadColorEnvironment() {
  const std::string_view force = Environment("CLICOLOR_FORCE");
  return {.no_color = !Environment("NO_COLOR").empty(),
          .clicolor_force = !force.empty() && force != "0",
          .dumb_terminal = Environment("TERM") == "dumb"};
}

bool UseColor(ColorMode mode, const ColorEnvironment& environment, bool is_terminal) {
  if (mode != ColorMode::kAuto) return mode == ColorMode::kAlways;
  if (environment.no_color) return false;
  return environment.clicolor_force || (is_terminal && !environment.dumb_terminal);
}

}  // namespace pyleak::cli
