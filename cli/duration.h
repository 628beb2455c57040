#pragma once

#include <chrono>
#include <string_view>

#include "attach/base/result.h"

namespace pyleak::cli {

/// "0.2", "0.2s", "200ms", "50us", "2m"; a bare number is seconds. kInvalidArgument for anything else, for zero, and
/// for more than a nanosecond count of 64 bits holds (292 years).
Result<std::chrono::nanoseconds> ParseDuration(std::string_view text);

}  // namespace pyleak::cli
