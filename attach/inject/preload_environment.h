#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pyleak::attach {

/// How the file names of every agent that `run` preloads begin.
inline constexpr std::string_view kPreloadedAgentPrefix = "pyleak-agent-";

/// The environment with which a program is watched by `run`: `inherited` (ends with a null pointer), but
/// - LD_PRELOAD begins with the agent; that of another `pyleak run` around us is taken out, for both would write to the
///   same heartbeat;
/// - PYLEAK_ARENA names the heartbeat;
/// - ASAN_OPTIONS allows a library in front of AddressSanitizer's, which otherwise ends the program.
std::vector<std::string> PreloadEnvironment(const char* const* inherited, const std::string& agent,
                                            const std::string& arena);

}  // namespace pyleak::attach
