#pragma once

#include <string>

#include "cli/options.h"

namespace pyleak::cli {

/// The environment variables that decide about colour (no-color.org, bixense.com/clicolors).
struct ColorEnvironment {
  bool no_color = false;        ///< NO_COLOR, set and not empty.
  bool clicolor_force = false;  ///< CLICOLOR_FORCE, set and neither empty nor 0.
  bool dumb_terminal = false;   ///< TERM is dumb.
};

ColorEnvironment ReadColorEnvironment();

bool UseColor(ColorMode mode, const ColorEnvironment& environment, bool is_terminal);

/// Paints text, or leaves it as it is.
class Palette {
 public:
  explicit Palette(bool colored) : colored_(colored) {}

  [[nodiscard]] std::string Alarm(const std::string& text) const { return Paint("\x1b[1;31m", text); }
  [[nodiscard]] std::string Notice(const std::string& text) const { return Paint("\x1b[33m", text); }
  [[nodiscard]] std::string Faint(const std::string& text) const { return Paint("\x1b[2m", text); }

 private:
  [[nodiscard]] std::string Paint(const char* sequence, const std::string& text) const {
    return colored_ ? sequence + text + "\x1b[0m" : text;
  }

  bool colored_;
};

}  // namespace pyleak::cli
