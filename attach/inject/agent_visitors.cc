#include "attach/inject/agent_visitors.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <map>

#include "attach/proc/thread_list.h"
#include "attach/proc/thread_status.h"
#include "attach/trace/arch/agent_stubs.h"
#include "attach/trace/arch/signal_frame.h"
#include "attach/trace/frozen_thread.h"
#include "attach/trace/thread_look.h"
#include "attach/trace/wait_calls.h"

namespace pyleak::attach {
namespace {

constexpr std::size_t kMostThreads = 32768;
/// How much of a stack is searched for signal frames.
constexpr std::size_t kStackToSearch = std::size_t{32} << 10;
/// The vDSO's clock_gettime, and libc's, are shorter, as are their frames.
constexpr std::uint64_t kClockBytes = 4096;
constexpr std::size_t kClockFrame = 512;
/// What the function that the agent stands for may take of the stack: libc's some 100 bytes, a sanitizer's 1 KiB.
constexpr std::uint64_t kDeepestWait = 8192;

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

std::optional<PyleakPatch> AgentVisitors::WayBackOf(const PyleakSlot& slot) const {
  if (!IsInWait(slot) || slot.stack_pointer % sizeof(std::uint64_t) != 0) return std::nullopt;
  const RemoteAddress caller(slot.stack_pointer);
  if (Word(caller) != slot.return_address) return std::nullopt;
  const RemoteAddress near = caller - arch::kStubReturnDepth;
  const RemoteAddress far = caller - arch::kSystemCallStubReturnDepth;
  if (std::ranges::find(agent_.returns(), RemoteAddress(Word(near))) != agent_.returns().end()) {
    return WayBack(near, Word(near), target_.gadgets.pop_rbx);
  }
  if (RemoteAddress(Word(far)) != agent_.system_call_return()) return std::nullopt;
  return WayBack(far, Word(far), target_.gadgets.drop16_pop_rbx);
}

std::vector<AgentVisitors::Wait> AgentVisitors::Waits(const AddressRange& arena) const {
  std::map<int, int> by_namespace_tid;
  for (const int tid : ListThreads(target_.process.pid(), kMostThreads)) {
    if (const auto status = ReadThreadStatus(tid); status.ok()) by_namespace_tid[status->namespace_tid] = tid;
  }
  std::vector<Wait> waits;
  for (const RemoteAddress region : Regions(arena)) {
    for (std::uint64_t i = 0; i < PYLEAK_SLOT_COUNT; ++i) {
      const auto slot = target_.memory.ReadValue<PyleakSlot>(region + PYLEAK_PAGE + i * sizeof(PyleakSlot));
      const auto way_back = slot ? WayBackOf(*slot) : std::nullopt;
      const auto thread = by_namespace_tid.find(slot ? static_cast<int>(slot->tid) : 0);
      if (way_back && thread != by_namespace_tid.end()) waits.push_back({thread->second, *way_back});
    }
  }
  return waits;
}

AgentVisitors::Whereabouts AgentVisitors::Where(const Wait& wait) {
  const RemoteAddress word(wait.way_back.slot);
  const auto is_below = [&](RemoteAddress stack_pointer, RemoteAddress) { return stack_pointer <= word; };
  auto look = ThreadLook::Open({target_.process.pid(), wait.tid});
  const auto activity = look.ok() ? look->Look() : std::nullopt;
  if (!activity) return Whereabouts::kOutside;
  if (IsWaiting(*activity) && activity->stack_pointer <= word && word - activity->stack_pointer <= kDeepestWait) {
    const auto is_another = [&](RemoteAddress stack_pointer, RemoteAddress) {
      return stack_pointer != activity->stack_pointer && stack_pointer <= word;
    };
    const bool on_top = IsAnyPlace(activity->stack_pointer, activity->program_counter, is_another);
    return on_top ? Whereabouts::kOnTop : Whereabouts::kInWait;
  }
  const bool inside = IsInside(wait.tid, [&](RemoteAddress stack_pointer, RemoteAddress program_counter) {
    return IsAnyPlace(stack_pointer, program_counter, is_below);
  });
  return inside ? Whereabouts::kOnTop : Whereabouts::kOutside;
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

template <typename Is>
bool AgentVisitors::IsAnyPlace(RemoteAddress stack_pointer, RemoteAddress program_counter, Is is) const {
  if (is(stack_pointer, program_counter)) return true;
  std::array<std::uint64_t, kStackToSearch / sizeof(std::uint64_t)> words;
  const std::size_t bytes = target_.memory.Read(stack_pointer, std::as_writable_bytes(std::span(words)));
  const auto stack = std::span(words).first(bytes / sizeof(std::uint64_t));
  for (std::size_t i = 0; i + arch::kSignalFrameCounterAt < stack.size(); ++i) {
    if (RemoteAddress(stack[i]) != target_.gadgets.signal_return) continue;
    const std::size_t counter = i + arch::kSignalFrameCounterAt;
    // The stack pointer that was interrupted lies before the program counter.
    if (is(RemoteAddress(stack[counter - 1]), RemoteAddress(stack[counter]))) return true;
  }
  return false;
}

/// The agent's own code runs to its end in a moment and calls nothing but the clock; for the functions that it stands
/// for, its slots and its counter say who is inside. So a thread is in the agent's code if its program counter is
/// there, or in the clock that was called from there, or will be when a signal handler on top of it returns. Words that
/// only look like addresses in the agent are left by calls that are over.
bool AgentVisitors::IsInCode(RemoteAddress stack_pointer, RemoteAddress program_counter) const {
  const AddressRange clock{clock_, clock_ + kClockBytes};
  return IsAnyPlace(stack_pointer, program_counter, [&](RemoteAddress stack, RemoteAddress counter) {
    if (agent_.range().Contains(counter)) return true;
    if (!clock.Contains(counter)) return false;
    std::array<std::uint64_t, kClockFrame / sizeof(std::uint64_t)> words{};
    target_.memory.Read(stack, std::as_writable_bytes(std::span(words)));
    return std::ranges::any_of(words, [&](auto word) { return agent_.range().Contains(RemoteAddress(word)); });
  });
}

template <typename IsInsideAt>
bool AgentVisitors::IsInside(int tid, IsInsideAt is_inside) {
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
}

template <typename IsInsideAt>
bool AgentVisitors::IsAny(IsInsideAt is_inside) {
  return std::ranges::any_of(ListThreads(target_.process.pid(), kMostThreads),
                             [&](int tid) { return IsInside(tid, is_inside); });
}

bool AgentVisitors::IsAnybodyInCode() {
  return IsAny([this](RemoteAddress stack_pointer, RemoteAddress program_counter) {
    return IsInCode(stack_pointer, program_counter);
  });
}

}  // namespace pyleak::attach
