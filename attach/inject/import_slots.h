#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "attach/agent/protocol.h"
#include "attach/inject/agent_image.h"
#include "attach/inject/loaded_modules.h"
#include "attach/memory/memory_reader.h"
#include "attach/proc/maps.h"

namespace pyleak::attach {

/// Which words of the target are to hold which functions of the agent.
struct Redirections {
  std::vector<PyleakPatch> patches;
  std::array<std::uint64_t, PYLEAK_FUNCTION_COUNT> real{};
  /// Slots that hold something else than the dynamic linker would have put there, and so were left alone.
  std::size_t foreign_slots = 0;
  /// Found, but more than the agent has room for.
  std::size_t slots_without_room = 0;
};

/// Every import slot of a wait call, in every module, that holds what the dynamic linker put there: the definition, or
/// the way to the linker where the slot is bound at its first use. `known` are slots that need no second patch.
Redirections FindRedirections(const LoadedModules& modules, const MemoryReader& memory, const MemoryMap& map,
                              const AgentImage& agent, RemoteAddress agent_base, const std::vector<PyleakPatch>& known);

}  // namespace pyleak::attach
