#pragma once

namespace pyleak::cli {

// What pyleak itself ends with. `pyleak run` ends with the status of its program where that failed.

inline constexpr int kExitFine = 0;
inline constexpr int kExitFailed = 1;  ///< pyleak could not do its work.
inline constexpr int kExitUsage = 2;
inline constexpr int kExitBlocksFound = 3;  ///< --action raise, and at least one block.

}  // namespace pyleak::cli
