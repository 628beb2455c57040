#include "attach/inject/agent_removal.h"

#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <map>
#include <thread>
#include <utility>

#include "attach/base/file.h"
#include "attach/inject/agent_call.h"
#include "attach/proc/living_thread.h"
#include "attach/proc/thread_list.h"
#include "attach/proc/thread_status.h"
#include "attach/trace/arch/agent_stubs.h"
#include "attach/trace/borrowed_thread.h"

namespace pyleak::attach {
namespace {

using std::chrono::milliseconds;

constexpr int kTries = 40;
constexpr milliseconds kTryPause(5);
constexpr std::size_t kMostThreads = 32768;
/// How much of a stack is searched for signal frames.
constexpr std::size_t kStackToSearch = std::size_t{32} << 10;
/// And for return addresses. Who is deeper than that is taken to be inside.
constexpr std::size_t kDeepestStack = std::size_t{1} << 20;
/// The vDSO's clock_gettime, and libc's, are shorter, as are their frames.
constexpr std::uint64_t kClockBytes = 4096;
constexpr std::size_t kClockFrame = 512;

Result<std::chrono::nanoseconds> UnmapRanges(const InjectionTarget& target, std::span<const AddressRange> ranges,
                                             int file_to_close) {
  return target.tracer.Run([&]() -> Result<std::chrono::nanoseconds> {
    auto thread = BorrowedThread::Borrow(target.process, target.memory, target.gadgets, target.borrowing);
    if (!thread) return std::move(thread).error();
    if (file_to_close >= 0) {
      const std::array<std::uint64_t, 1> file = {static_cast<std::uint64_t>(file_to_close)};
      if (auto closed = thread->SystemCall(SYS_close, file); !closed) return std::move(closed).error();
    }
    for (const AddressRange& range : ranges) {
      const std::array<std::uint64_t, 2> arguments = {range.begin.value(), range.size_bytes()};
      const auto result = thread->SystemCall(SYS_munmap, arguments);
      if (!result) return result.error();
      if (*result < 0) return ErrnoError("unmapping the agent", static_cast<int>(-*result));
    }
    return thread->GiveBack();
  });
}

/// What is known of the agent's state in the target, read anew for each try.
class Removal {
 public:
  Removal(const InjectionTarget& target, const PlacedAgent& agent, const PyleakContext& context)
      : target_(target), agent_(agent), context_(context) {}

  RemovalReport& report() { return report_; }

  Result<void> RestoreSlots();
  /// True when no thread is inside the agent any more, as far as can be told.
  Result<bool> LeadThreadsOut();
  Result<void> Unmap();
  /// The program may have copied the address of a function of ours out of a slot.
  [[nodiscard]] bool MayBeCalledLater() const;

 private:
  [[nodiscard]] std::vector<PyleakSlot> SlotsInWait() const;
  /// `IsInside(stack pointer, program counter)`, asked of a thread wherever it is now. True if that cannot be known.
  template <typename IsInside>
  [[nodiscard]] bool AskOf(int tid, IsInside is_inside) const;
  [[nodiscard]] bool IsInAgentCode(RemoteAddress stack_pointer, RemoteAddress program_counter) const;
  [[nodiscard]] bool MayReturnToAgent(RemoteAddress stack_pointer);
  Result<bool> LeadOut(int tid, const PyleakSlot& slot);
  Result<bool> ReplaceReturn(const Registers& registers, const PyleakSlot& slot) const;
  void ForgetStaleSlots();
  /// The agent keeps its memory's file open between its begin and its install.
  [[nodiscard]] bool OwnsMemoryFile() const;
  void Held(std::chrono::nanoseconds duration) { report_.longest_hold = std::max(report_.longest_hold, duration); }

  const InjectionTarget& target_;
  const PlacedAgent& agent_;
  PyleakContext context_;
  RemovalReport report_;
  /// Of a thread that is held while it is looked through, so that nothing is allocated then.
  std::vector<std::uint64_t> stack_ = std::vector<std::uint64_t>(kDeepestStack / sizeof(std::uint64_t));
};

/// Modules may have been unloaded, and their memory given to something else, since their slots were redirected.
void Removal::ForgetStaleSlots() {
  context_.patch_count = std::min<std::uint32_t>(context_.patch_count, PYLEAK_MAX_PATCHES);
  for (PyleakPatch& patch : std::span(context_.patches).first(context_.patch_count)) {
    const auto value = target_.memory.ReadValue<std::uint64_t>(RemoteAddress(patch.slot));
    patch.applied = value == patch.replacement ? 1 : 0;
  }
}

bool Removal::MayBeCalledLater() const {
  const auto patches = std::span(context_.patches).first(context_.patch_count);
  return std::ranges::any_of(patches, [](const PyleakPatch& patch) { return patch.only_called == 0; });
}

Result<void> Removal::RestoreSlots() {
  // Never begun: whoever placed it died before.
  if (context_.armed == 0) return {};
  ForgetStaleSlots();
  // The agent's functions run in borrowed threads only, so nobody else changes its context.
  if (auto written = target_.memory.WriteValue(agent_.context(), context_); !written) return written;
  auto held = CallInTarget(target_, agent_, agent_.remove_function());
  if (!held) return std::move(held).error().While("putting the import slots back");
  Held(*held);
  return {};
}

std::vector<PyleakSlot> Removal::SlotsInWait() const {
  std::vector<PyleakSlot> waiting;
  if (context_.region == 0) return waiting;
  const RemoteAddress first = RemoteAddress(context_.region) + PYLEAK_PAGE;
  for (std::uint64_t i = 0; i < PYLEAK_SLOT_COUNT; ++i) {
    const auto slot = target_.memory.ReadValue<PyleakSlot>(first + i * sizeof(PyleakSlot));
    if (slot && slot->key != 0 && slot->sequence != 0 && slot->sequence % 2 == 0) waiting.push_back(*slot);
  }
  return waiting;
}

/// The word that leads back into the stub is made to lead past it, to the caller of the wait.
Result<bool> Removal::ReplaceReturn(const Registers& registers, const PyleakSlot& slot) const {
  const RemoteAddress caller(slot.stack_pointer);
  const auto word = [&](RemoteAddress at) {
    return RemoteAddress(target_.memory.ReadValue<std::uint64_t>(at).value_or(0));
  };
  if (registers.thread_pointer != RemoteAddress(slot.thread_pointer)) return false;
  if (word(caller) != RemoteAddress(slot.return_address)) return false;
  const RemoteAddress near = caller - arch::kStubReturnDepth;
  const RemoteAddress far = caller - arch::kSystemCallStubReturnDepth;
  if (registers.stack_pointer() <= near && std::ranges::find(agent_.returns(), word(near)) != agent_.returns().end()) {
    auto written = target_.memory.WriteValue(near, target_.gadgets.pop_rbx);
    return written.ok() ? Result<bool>(true) : std::move(written).error();
  }
  if (registers.stack_pointer() <= far && word(far) == agent_.system_call_return()) {
    auto written = target_.memory.WriteValue(far, target_.gadgets.drop16_pop_rbx);
    return written.ok() ? Result<bool>(true) : std::move(written).error();
  }
  return false;
}

Result<bool> Removal::LeadOut(int tid, const PyleakSlot& slot) {
  auto look = ThreadLook::Open({target_.process.pid(), tid});
  if (!look) return false;
  return target_.tracer.Run([&]() -> Result<bool> {
    auto frozen = FrozenThread::Freeze(*look, {.renew_poll = true});
    if (!frozen) return std::move(frozen).error();
    if (!frozen->has_value()) return false;
    auto replaced = ReplaceReturn((*frozen)->registers(), slot);
    Held((*frozen)->LetGo());
    return replaced;
  });
}

/// The agent's own code runs to its end in a moment and calls nothing but the clock; for the functions that it stands
/// for, its slots and its counter say who is inside. So a thread is in the agent's code if its program counter is
/// there, or in the clock that was called from there, or will be when a signal handler on top of it returns. Words that
/// only look like addresses in the agent are left by calls that are over.
bool Removal::IsInAgentCode(RemoteAddress stack_pointer, RemoteAddress program_counter) const {
  if (agent_.range().Contains(program_counter)) return true;
  std::array<std::uint64_t, kStackToSearch / sizeof(std::uint64_t)> words;
  const std::size_t bytes = target_.memory.Read(stack_pointer, std::as_writable_bytes(std::span(words)));
  const auto stack = std::span(words).first(bytes / sizeof(std::uint64_t));
  const auto in_agent = [&](std::uint64_t word) { return agent_.range().Contains(RemoteAddress(word)); };
  const AddressRange clock{RemoteAddress(context_.clock), RemoteAddress(context_.clock) + kClockBytes};
  const auto clock_frame = stack.first(std::min(stack.size(), kClockFrame / sizeof(std::uint64_t)));
  if (clock.Contains(program_counter) && std::ranges::any_of(clock_frame, in_agent)) return true;
  for (std::size_t i = 0; i + arch::kSignalFrameCounterAt < stack.size(); ++i) {
    const bool is_signal_frame = RemoteAddress(stack[i]) == target_.gadgets.signal_return;
    if (is_signal_frame && in_agent(stack[i + arch::kSignalFrameCounterAt])) return true;
  }
  return false;
}

/// True if a word above the stack pointer leads to the agent, be it only one that a call has left there.
bool Removal::MayReturnToAgent(RemoteAddress stack_pointer) {
  const std::size_t bytes = target_.memory.Read(stack_pointer, std::as_writable_bytes(std::span(stack_)));
  if (bytes == kDeepestStack) return true;
  const auto words = std::span(stack_).first(bytes / sizeof(std::uint64_t));
  return std::ranges::any_of(words, [&](std::uint64_t word) { return agent_.range().Contains(RemoteAddress(word)); });
}

template <typename IsInside>
bool Removal::AskOf(int tid, IsInside is_inside) const {
  auto look = ThreadLook::Open({target_.process.pid(), tid});
  const auto activity = look.ok() ? look->Look() : std::nullopt;
  if (!activity) return false;
  if (!activity->running) return is_inside(activity->stack_pointer, activity->program_counter);
  return target_.tracer.Run([&] {
    auto frozen = FrozenThread::Freeze(*look, {});
    if (!frozen) return true;
    if (!frozen->has_value()) return false;
    const Registers registers = (*frozen)->registers();
    return is_inside(registers.stack_pointer(), registers.program_counter());
  });
}

Result<bool> Removal::LeadThreadsOut() {
  const std::vector<int> threads = ListThreads(target_.process.pid(), kMostThreads);
  std::map<int, int> by_namespace_tid;
  for (const int tid : threads) {
    if (const auto status = ReadThreadStatus(tid); status.ok()) by_namespace_tid[status->namespace_tid] = tid;
  }
  for (const PyleakSlot& slot : SlotsInWait()) {
    const auto thread = by_namespace_tid.find(static_cast<int>(slot.tid));
    if (thread == by_namespace_tid.end()) continue;
    const auto led_out = LeadOut(thread->second, slot);
    if (led_out.ok() && *led_out) ++report_.threads_led_out;
  }
  const auto region =
      context_.region == 0 ? std::nullopt : target_.memory.ReadValue<PyleakRegion>(RemoteAddress(context_.region));
  // A count that nobody took down again was left by a jump, an exception or a cancellation.
  const bool may_be_slotless = region && region->slotless_inside != 0;
  const auto is_inside = [&](RemoteAddress stack_pointer, RemoteAddress program_counter) {
    return IsInAgentCode(stack_pointer, program_counter) || (may_be_slotless && MayReturnToAgent(stack_pointer));
  };
  return std::ranges::none_of(threads, [&](int tid) { return AskOf(tid, is_inside); });
}

bool Removal::OwnsMemoryFile() const {
  if (context_.memory_fd < 0) return false;
  const auto link = ReadLink(SharedProcPath(target_.process.pid(), "fd/" + std::to_string(context_.memory_fd)));
  return link.ok() && link->starts_with("/memfd:pyleak");
}

Result<void> Removal::Unmap() {
  const auto map = MemoryMap::Read(target_.process.pid());
  if (!map) return map.error();
  std::vector<AddressRange> ranges;
  if (context_.armed != 0) {
    ranges.push_back({RemoteAddress(context_.armed), RemoteAddress(context_.armed) + PYLEAK_PAGE});
  }
  if (const Mapping* arena = FindArena(context_, *map)) ranges.push_back(arena->range);
  ranges.push_back(agent_.range());
  // If we die on the way, nobody shall unmap what has come to lie where the page was.
  context_.armed = 0;
  if (auto written = target_.memory.WriteValue(agent_.context(), context_); !written) return written;
  auto held = UnmapRanges(target_, ranges, OwnsMemoryFile() ? context_.memory_fd : -1);
  if (!held) return std::move(held).error();
  Held(*held);
  return {};
}

}  // namespace

Result<RemovalReport> RemoveAgent(const InjectionTarget& target, const PlacedAgent& agent) {
  const auto context = agent.ReadContext(target.memory);
  if (!context) return Error{ErrorCode::kRefused, "the process holds an agent of another version of pyleak"};
  Removal removal(target, agent, *context);
  if (auto restored = removal.RestoreSlots(); !restored) return std::move(restored).error();
  bool empty = false;
  for (int i = 0; i < kTries && !empty; ++i) {
    if (i != 0) std::this_thread::sleep_for(kTryPause);
    auto led_out = removal.LeadThreadsOut();
    if (!led_out) return std::move(led_out).error();
    empty = *led_out;
  }
  if (!empty) {
    removal.report().left_because = "a thread is still inside the agent";
  } else if (removal.MayBeCalledLater()) {
    removal.report().left_because = "the program may have kept the address of a function of the agent";
  } else if (auto unmapped = removal.Unmap(); !unmapped) {
    removal.report().left_because = unmapped.error().what;
  }
  return removal.report();
}

Result<void> RemoveDebris(const InjectionTarget& target, std::span<const AddressRange> debris) {
  if (debris.empty()) return {};
  auto held = UnmapRanges(target, debris, -1);
  if (!held) return std::move(held).error();
  return {};
}

}  // namespace pyleak::attach
