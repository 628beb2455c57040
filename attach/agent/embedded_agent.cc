#include "attach/agent/embedded_agent.h"

extern "C" {
extern const std::byte pyleak_embedded_agent_begin[];
extern const std::byte pyleak_embedded_agent_end[];
}

namespace pyleak::attach {

std::span<const std::byte> EmbeddedAgent() { return {pyleak_embedded_agent_begin, pyleak_embedded_agent_end}; }

}  // namespace pyleak::attach
