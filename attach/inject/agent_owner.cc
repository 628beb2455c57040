#include "attach/inject/agent_owner.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>

#include "attach/base/file.h"
#include "attach/memory/life_sign.h"
#include "attach/proc/stat.h"
#include "attach/trace/exclusion.h"

namespace pyleak::attach {
namespace {

/// From its name in the agent's context to its life sign in the arena: as long as it may look for a thread that it can
/// borrow, and a busy machine on top.
constexpr std::chrono::seconds kBeginningTakes(30);

/// 0 where there is none.
std::uint64_t OwnPidNamespace() {
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

std::uint64_t Now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

/// Nothing: it has not made its arena yet.
std::optional<bool> LifeSignOf(const PyleakContext& context, const MemoryReader& memory) {
  const auto arena = memory.ReadValue<PyleakArena>(RemoteAddress(context.arena));
  if (!arena || arena->magic != PYLEAK_MAGIC || std::memcmp(&arena->owner, &context.owner, sizeof(PyleakOwner)) != 0) {
    return std::nullopt;
  }
  return LifeSign::SaysAlive(arena->life_sign);
}

/// Of one whose processes we cannot see only the time counts.
bool MayBeBeginning(const PyleakOwner& owner) {
  if (owner.pid_namespace != OwnPidNamespace()) {
    return Now() - owner.since < static_cast<std::uint64_t>(kBeginningTakes.count());
  }
  const auto stat = ReadStat(static_cast<int>(owner.pid));
  return stat.ok() && stat->start_ticks == owner.start_ticks && stat->state != 'Z';
}

Result<void> CheckOwner(const PlacedAgent& agent, const MemoryReader& memory) {
  const auto context = agent.ReadContext(memory);
  if (!context || context->owner.pid == 0) return {};
  // In a forked child, which has inherited all this but is not watched.
  if (memory.ReadValue<std::uint32_t>(RemoteAddress(context->armed)) == PYLEAK_ARMED_NOT_YET) return {};
  if (!LifeSignOf(*context, memory).value_or(MayBeBeginning(context->owner))) return {};
  const bool elsewhere = context->owner.pid_namespace != OwnPidNamespace();
  return Error{ErrorCode::kAlreadyWatched, "pyleak with pid " + std::to_string(context->owner.pid) +
                                               (elsewhere ? " of another pid namespace" : "") + " watches it already"};
}

Result<void> WriteOwner(const ProcessMemory& memory, const PlacedAgent& agent, const PyleakOwner& owner) {
  return memory.WriteValue(agent.context() + offsetof(PyleakContext, owner), owner);
}

}  // namespace

Result<PyleakOwner> OwnName() {
  const auto own = ReadStat(::getpid());
  if (!own) return own.error();
  return PyleakOwner{.pid = static_cast<std::uint32_t>(::getpid()),
                     .reserved = 0,
                     .start_ticks = own->start_ticks,
                     .pid_namespace = OwnPidNamespace(),
                     .since = Now()};
}

Result<void> CheckUnwatched(const MemoryReader& memory, const MemoryMap& map, RemoteAddress own) {
  for (const PlacedAgent& agent : PlacedAgent::FindAll(memory, map)) {
    if (agent.range().begin == own) continue;
    if (auto unowned = CheckOwner(agent, memory); !unowned) return unowned;
  }
  return {};
}

Result<void> ClaimAgent(const ProcessIdentity& process, const ProcessMemory& memory, const PlacedAgent& agent) {
  const auto own = OwnName();
  if (!own) return own.error();
  if (!agent.ReadContext(memory)) {
    return Error{ErrorCode::kRefused, "the process holds an agent of another version of pyleak"};
  }
  return ExcludingOthers(process.pid(), [&]() -> Result<void> {
    if (auto unowned = CheckOwner(agent, memory); !unowned) return unowned;
    return WriteOwner(memory, agent, *own);
  });
}

Result<void> GiveUpAgent(const ProcessMemory& memory, const PlacedAgent& agent) {
  return WriteOwner(memory, agent, PyleakOwner{});
}

}  // namespace pyleak::attach
