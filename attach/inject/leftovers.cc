#include "attach/inject/leftovers.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

#include "attach/inject/agent_owner.h"
#include "attach/inject/agent_removal.h"

namespace pyleak::attach {
namespace {

/// From mapping an agent's memory to its being an agent: some 50 us, on a machine that has a CPU to spare.
constexpr std::chrono::milliseconds kPlacingTakes(50);

Result<std::vector<AddressRange>> FindDebris(const InjectionTarget& target, const AgentImage& image) {
  const auto map = MemoryMap::Read(target.process.pid());
  if (!map) return map.error();
  return PlacedAgent::FindDebris(*map, image.bytes().size());
}

Result<void> RemoveDebrisOfTheDead(const InjectionTarget& target, const AgentImage& image) {
  auto debris = FindDebris(target, image);
  if (!debris) return std::move(debris).error();
  if (debris->empty()) return {};
  // What another pyleak has mapped a moment ago is not debris.
  std::this_thread::sleep_for(kPlacingTakes);
  const auto settled = FindDebris(target, image);
  if (!settled) return settled.error();
  std::erase_if(*debris,
                [&](const AddressRange& range) { return std::ranges::find(*settled, range) == settled->end(); });
  return RemoveDebris(target, *debris);
}

bool IsSameImage(const InjectionTarget& target, const PlacedAgent& agent, const AgentImage& image) {
  std::vector<std::byte> text(image.text().size());
  return agent.range().size_bytes() == image.bytes().size() &&
         target.memory.Read(agent.range().begin, text) == text.size() && std::ranges::equal(text, image.text());
}

/// False: it stays, ours and fit to be taken up.
Result<bool> RemoveLeftover(const InjectionTarget& target, const PlacedAgent& leftover, const AgentImage& image) {
  if (auto claimed = ClaimAgent(target.process, target.memory, leftover); !claimed) return std::move(claimed).error();
  auto removed = RemoveAgent(target, leftover);
  if (removed.ok() && removed->unmapped()) return true;
  if (removed.ok() && IsSameImage(target, leftover, image)) return false;
  if (auto given_up = GiveUpAgent(target.memory, leftover); !given_up) return std::move(given_up).error();
  if (!removed) return std::move(removed).error().While("removing the agent that an earlier pyleak has left");
  return true;
}

}  // namespace

Result<std::optional<PlacedAgent>> RemoveLeftovers(const InjectionTarget& target, const AgentImage& image) {
  if (auto removed = RemoveDebrisOfTheDead(target, image); !removed) return std::move(removed).error();
  const auto map = MemoryMap::Read(target.process.pid());
  if (!map) return map.error();
  if (auto unwatched = CheckUnwatched(target.memory, *map); !unwatched) return std::move(unwatched).error();
  std::optional<PlacedAgent> kept;
  for (const PlacedAgent& leftover : PlacedAgent::FindAll(target.memory, *map)) {
    const auto removed = RemoveLeftover(target, leftover, image);
    if (removed.ok() && *removed) continue;
    if (kept) (void)GiveUpAgent(target.memory, *kept);
    if (!removed) return removed.error();
    kept = leftover;
  }
  return kept;
}

}  // namespace pyleak::attach
