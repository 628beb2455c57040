#pragma once

#include <string>

#include "symbolize/stack.h"

namespace pyleak::cli {

/// The frame of the user's own code that a stack stands at: `File "/srv/app.py", line 12, in work`. Empty: there is
/// none.
std::string PlaceText(const symbolize::Stack& stack);

}  // namespace pyleak::cli
