#include "attach/inject/agent_visitors.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <optional>

#include "attach/proc/thread_list.h"
#include "attach/proc/thread_status.h"
#include "attach/trace/arch/agent_stubs.h"
#include "attach/trace/arch/signal_frame.h"
#include "attach/trace/frozen_thread.h"

namespace pyleak::attach {
namespace {

constexpr std::size_t kMostThreads = 32768;
/// How much of a stack is searched for signal frames.
constexpr std::size_t kStackToSearch = std::size_t{32} << 10;
/// The vDSO's clock_gettime, and libc's, are shorter, as are their frames.
constexpr std::uint64_t kClockBytes = 4096;
constexpr std::size_t kClockFrame = 512;

PyleakPatch WayBack(RemoteAddress at, std::uint64_t into_agent, RemoteAddress past_agent) {
  PyleakPatch patch{};
  patch.slot = at.value();
  patch.original = past_agent.value();
  patch.replacement = into_agent;
  patch.protection = PROT_READ | PROT_WRITE;
  patch.applied = 1;
  patch.only_called = 1;
  return patch;
}

bool IsInWait(const PyleakSlot& slot) { return slot.key != 0 && slot.sequence != 0 && slot.sequence % 2 == 0; }

}  // namespace

std::uint64_t AgentVisitors::Word(RemoteAddress at) const {
  return target_.memory.ReadValue<std::uint64_t>(at).value_or(0);
}

std::vector<RemoteAddress> AgentVisitors::Regions(const AddressRange& arena) const {
  std::vector<RemoteAddress> regions;
  const int pid = target_.process.pid();
  const auto status = ReadThreadStatus({pid, pid});
  if (!status) return regions;
  for (RemoteAddress at = arena.begin + PYLEAK_PAGE; at + PYLEAK_REGION_BYTES <= arena.end;
       at = at + PYLEAK_REGION_BYTES) {
    const auto region = target_.memory.ReadValue<PyleakRegion>(at);
    const bool own = region && region->state != PYLEAK_REGION_FREE &&
                     region->pid == static_cast<std::uint32_t>(status->namespace_tid);
    if (own) regions.push_back(at);
  }
  return regions;
}

std::vector<PyleakPatch> AgentVisitors::WaysBack(const AddressRange& arena) const {
  std::vector<PyleakPatch> ways;
  for (const RemoteAddress region : Regions(arena)) {
    for (std::uint64_t i = 0; i < PYLEAK_SLOT_COUNT; ++i) {
      const auto slot = target_.memory.ReadValue<PyleakSlot>(region + PYLEAK_PAGE + i * sizeof(PyleakSlot));
      if (!slot || !IsInWait(*slot) || slot->stack_pointer % sizeof(std::uint64_t) != 0) continue;
      const RemoteAddress caller(slot->stack_pointer);
      if (Word(caller) != slot->return_address) continue;
      const RemoteAddress near = caller - arch::kStubReturnDepth;
      const RemoteAddress far = caller - arch::kSystemCallStubReturnDepth;
      if (std::ranges::find(agent_.returns(), RemoteAddress(Word(near))) != agent_.returns().end()) {
        ways.push_back(WayBack(near, Word(near), target_.gadgets.pop_rbx));
      } else if (RemoteAddress(Word(far)) == agent_.system_call_return()) {
        ways.push_back(WayBack(far, Word(far), target_.gadgets.drop16_pop_rbx));
      }
    }
  }
  return ways;
}

/// True if a word above the stack pointer leads to the agent, be it only one that a call has left there.
bool AgentVisitors::MayReturnToAgent(RemoteAddress stack_pointer) {
  const std::size_t bytes = target_.memory.Read(stack_pointer, std::as_writable_bytes(std::span(stack_)));
  if (bytes == kDeepestStack) return true;
  const auto words = std::span(stack_).first(bytes / sizeof(std::uint64_t));
  return std::ranges::any_of(words, [&](std::uint64_t word) { return agent_.range().Contains(RemoteAddress(word)); });
}

/// A count that nobody took down again was left by a jump, an exception or a cancellation: only the stacks can tell.
bool AgentVisitors::IsSomebodyLost(const AddressRange& arena) {
  const bool may_be = std::ranges::any_of(Regions(arena), [this](RemoteAddress at) {
    const auto region = target_.memory.ReadValue<PyleakRegion>(at);
    return region && region->slotless_inside != 0;
  });
  return may_be &&
         IsAny([this](RemoteAddress stack_pointer, RemoteAddress) { return MayReturnToAgent(stack_pointer); });
}

/// The agent's own code runs to its end in a moment and calls nothing but the clock; for the functions that it stands
/// for, its slots and its counter say who is inside. So a thread is in the agent's code if its program counter is
/// there, or in the clock that was called from there, or will be when a signal handler on top of it returns. Words that
/// only look like addresses in the agent are left by calls that are over.
bool AgentVisitors::IsInCode(RemoteAddress stack_pointer, RemoteAddress program_counter) const {
  if (agent_.range().Contains(program_counter)) return true;
  std::array<std::uint64_t, kStackToSearch / sizeof(std::uint64_t)> words;
  const std::size_t bytes = target_.memory.Read(stack_pointer, std::as_writable_bytes(std::span(words)));
  const auto stack = std::span(words).first(bytes / sizeof(std::uint64_t));
  const auto in_agent = [&](std::uint64_t word) { return agent_.range().Contains(RemoteAddress(word)); };
  const AddressRange clock{clock_, clock_ + kClockBytes};
  const auto clock_frame = stack.first(std::min(stack.size(), kClockFrame / sizeof(std::uint64_t)));
  if (clock.Contains(program_counter) && std::ranges::any_of(clock_frame, in_agent)) return true;
  for (std::size_t i = 0; i + arch::kSignalFrameCounterAt < stack.size(); ++i) {
    const bool is_signal_frame = RemoteAddress(stack[i]) == target_.gadgets.signal_return;
    if (is_signal_frame && in_agent(stack[i + arch::kSignalFrameCounterAt])) return true;
  }
  return false;
}

template <typename IsInside>
bool AgentVisitors::IsAny(IsInside is_inside) {
  return std::ranges::any_of(ListThreads(target_.process.pid(), kMostThreads), [&](int tid) {
    auto look = ThreadLook::Open({target_.process.pid(), tid});
    const auto activity = look.ok() ? look->Look() : std::nullopt;
    if (!activity) return false;
    if (!activity->running) return is_inside(activity->stack_pointer, activity->program_counter);
    return target_.tracer.Run([&] {
      auto frozen = FrozenThread::Freeze(*look, {});
      if (!frozen) return true;
      if (!frozen->has_value()) return false;
      const Registers registers = (*frozen)->registers();
      const bool inside = is_inside(registers.stack_pointer(), registers.program_counter());
      longest_hold_ = std::max(longest_hold_, (*frozen)->LetGo());
      return inside;
    });
  });
}

bool AgentVisitors::IsAnybodyInCode() {
  return IsAny([this](RemoteAddress stack_pointer, RemoteAddress program_counter) {
    return IsInCode(stack_pointer, program_counter);
  });
}

}  // namespace pyleak::attach
