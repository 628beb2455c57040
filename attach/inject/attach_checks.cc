#include "attach/inject/attach_checks.h"

#include <chrono>
#include <utility>

#include "attach/inject/agent_owner.h"
#include "attach/inject/gadgets.h"
#include "attach/inject/injected_agent.h"
#include "attach/inject/loaded_modules.h"
#include "attach/inject/preload_session.h"
#include "attach/memory/process_memory.h"
#include "attach/proc/attachable.h"
#include "attach/trace/borrowed_thread.h"
#include "attach/trace/stop.h"

namespace pyleak::attach {
namespace {

template <typename T>
AttachCheck Check(std::string subject, std::string finding, const Result<T>& outcome) {
  return {std::move(subject), std::move(finding), outcome ? std::nullopt : std::optional(outcome.error())};
}

/// Of a process that may be looked into.
template <typename T>
AttachCheck CheckForAgent(std::string subject, std::string finding, const Result<T>& outcome) {
  AttachCheck check = Check(std::move(subject), std::move(finding), outcome);
  check.agent_only = check.problem && CanBeWatchedWithoutAgent(check.problem->code);
  return check;
}

void CheckProgram(const ProcessIdentity& process, const ProcessMemory& memory, std::vector<AttachCheck>& checks) {
  const auto map = MemoryMap::Read(process.pid());
  if (!map) {
    checks.push_back(CheckForAgent("program", "", map));
    return;
  }
  checks.push_back(CheckForAgent("program", "is linked dynamically, so its calls can be redirected",
                                 LoadedModules::Read(process, memory, *map)));
  checks.push_back(CheckForAgent("libc", "has the code that a thread can be led through", LocateGadgets(memory, *map)));
  checks.push_back(Check("other watch", "no pyleak is at work there", CheckUnwatched(memory, *map)));
}

}  // namespace

bool CanBeWatchedWithoutAgent(ErrorCode why_no_agent) {
  switch (why_no_agent) {
    case ErrorCode::kStaticProgram:
    case ErrorCode::kRefused:
    case ErrorCode::kNotPermitted:
    case ErrorCode::kSystem:
    case ErrorCode::kCorrupt:
      return true;
    default:
      return false;
  }
}

std::vector<AttachCheck> CheckAttach(int pid) {
  const auto process = OpenAttachable(pid);
  std::vector<AttachCheck> checks = {Check("process", "runs a 64-bit x86 program, and may be looked at", process)};
  if (!process) return checks;
  const auto memory = ProcessMemory::Open(*process);
  checks.push_back(Check("memory", "may be read and written", memory));
  checks.push_back(Check("tracer", "no debugger holds it", CheckUntraced({pid, pid})));
  checks.push_back(CheckForAgent("system calls", "no filter and no shadow stack is in the way of ours",
                                 CheckThatCallsAreSafe(*process)));
  checks.push_back(CheckForAgent("memory cgroup", "has room for the agent", CheckMemoryHeadroom(*process)));
  if (memory) CheckProgram(*process, *memory, checks);
  return checks;
}

AttachCheck CheckRun() {
  const auto session = PreloadSession::Begin(std::chrono::seconds(1), false);
  return Check("run", "there is a directory for its files", session);
}

}  // namespace pyleak::attach
