#include "attach/inject/claimant.h"

#include <optional>

#include "attach/inject/placed_agent.h"
#include "attach/memory/process_memory.h"
#include "attach/proc/process_list.h"
#include "attach/proc/thread_status.h"

namespace pyleak::attach {
namespace {

/// Nothing: the process may not be looked into.
std::optional<bool> HoldsRegion(const ProcessIdentity& process, const Heartbeat& heartbeat) {
  const auto memory = ProcessMemory::Open(process);
  if (!memory) return std::nullopt;
  const auto agent = PlacedAgent::At(*memory, heartbeat.agent_base());
  const auto context = agent ? agent->ReadContext(*memory) : std::nullopt;
  auto region = context ? memory->ReadValue<PyleakRegion>(RemoteAddress(context->region)) : std::nullopt;
  if (!region) return false;
  const Heartbeat held(&*region);
  return held.pid() == heartbeat.pid() && held.agent_base() == heartbeat.agent_base() &&
         held.claimed_at() == heartbeat.claimed_at();
}

bool CallsItself(int pid, int own_pid) {
  const auto status = ReadThreadStatus(pid);
  return status.ok() && status->namespace_tid == own_pid;
}

}  // namespace

Result<ProcessIdentity> FindClaimant(const Heartbeat& heartbeat) {
  auto nearest = ProcessIdentity::Open(heartbeat.pid());
  if (nearest && HoldsRegion(*nearest, heartbeat) == true) return nearest;
  for (const int pid : ListProcesses()) {
    if (!CallsItself(pid, heartbeat.pid())) continue;
    auto process = ProcessIdentity::Open(pid);
    if (process && HoldsRegion(*process, heartbeat) == true) return process;
  }
  if (nearest && !HoldsRegion(*nearest, heartbeat)) return nearest;
  return Error{ErrorCode::kNoSuchProcess, "the process has ended"};
}

}  // namespace pyleak::attach
