#pragma once

namespace pyleak::cli {

/// As `pyleak --version` prints it.
const char* Version();

}  // namespace pyleak::cli
