#include "attach/inject/preload_environment.h"

#include <algorithm>

#include "attach/agent/protocol.h"

namespace pyleak::attach {
namespace {

/// ld.so(8): a list separated by spaces or colons, in which neither can be quoted.
constexpr const char* kSeparators = " :";

bool IsPreloadedAgent(std::string_view path) {
  return path.substr(path.rfind('/') + 1).starts_with(kPreloadedAgentPrefix);
}

std::string WithAgent(const std::string& agent, std::string_view others) {
  std::string list = agent;
  while (!others.empty()) {
    const std::string_view entry = others.substr(0, others.find_first_of(kSeparators));
    if (!entry.empty() && !IsPreloadedAgent(entry)) list.append(":").append(entry);
    others.remove_prefix(std::min(entry.size() + 1, others.size()));
  }
  return list;
}

/// A later option overrules an earlier one.
std::string WithOption(std::string_view options, std::string_view option) {
  return options.empty() ? std::string(option) : std::string(options).append(":").append(option);
}

}  // namespace

std::vector<std::string> PreloadEnvironment(const char* const* inherited, const std::string& agent,
                                            const std::string& arena) {
  std::vector<std::string> environment;
  std::string_view preloaded;
  std::string_view asan_options;
  for (; *inherited != nullptr; ++inherited) {
    const std::string_view variable = *inherited;
    const std::string_view name = variable.substr(0, variable.find('='));
    const std::string_view value = variable.substr(std::min(name.size() + 1, variable.size()));
    if (name == "LD_PRELOAD") {
      preloaded = value;
    } else if (name == "ASAN_OPTIONS") {
      asan_options = value;
    } else if (name != PYLEAK_ARENA_VARIABLE) {
      environment.emplace_back(variable);
    }
  }
  environment.push_back("LD_PRELOAD=" + WithAgent(agent, preloaded));
  environment.push_back("ASAN_OPTIONS=" + WithOption(asan_options, "verify_asan_link_order=0"));
  environment.push_back(std::string(PYLEAK_ARENA_VARIABLE) + "=" + arena);
  return environment;
}

}  // namespace pyleak::attach
