#pragma once

#include <string_view>

#include "attach/base/result.h"

namespace pyleak::cli {

/// Says on stderr, in two lines, what went wrong and what to do about it; without a hint in one line.
void Complain(std::string_view what, std::string_view hint);

/// The same for a failure to reach process `pid`, with the advice that fits it.
void Complain(const Error& error, int pid);

}  // namespace pyleak::cli
