#include "attach/inject/agent_removal.h"

#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <thread>
#include <utility>

#include "attach/base/file.h"
#include "attach/inject/agent_call.h"
#include "attach/inject/agent_visitors.h"
#include "attach/proc/living_thread.h"
#include "attach/trace/borrowed_thread.h"

namespace pyleak::attach {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// On a busy machine it takes some 100 ms to stop each thread that runs.
constexpr milliseconds kLimit(1000);
/// Who waits where he cannot be led out may do so for ever.
constexpr milliseconds kLimitForTheLost(200);
constexpr milliseconds kTryPause(5);

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

/// An agent on its way out. What is known of its state in the target is read anew for each try.
class Removal {
 public:
  Removal(const InjectionTarget& target, const PlacedAgent& agent, const PyleakContext& context)
      : target_(target), agent_(agent), context_(context), visitors_(target, agent, RemoteAddress(context.clock)) {
    const auto count = std::min<std::uint32_t>(context.patch_count, PYLEAK_MAX_PATCHES);
    imports_.assign(context.patches, context.patches + count);
  }

  Result<RemovalReport> Run();

 private:
  Result<std::vector<AddressRange>> Arenas() const;
  /// Import slots that still lead into the agent: those of the waits, or those that unwinders are told by.
  [[nodiscard]] std::vector<PyleakPatch> Imports(bool for_unwinding) const;
  /// Makes the threads that wait inside the agent return past it; false if some are not in their wait just now.
  bool LeadOut(std::span<const AddressRange> arenas, std::vector<PyleakPatch>& patches);
  /// An unwinder may have read a way back just before it was replaced, and go on by it.
  [[nodiscard]] bool IsAnybodyOnAnOldWay();
  [[nodiscard]] bool IsAnybodyLost(std::span<const AddressRange> arenas);
  Result<void> PutBack(std::span<const PyleakPatch> patches);
  /// Once more of PutBack, as often as threads have come in meanwhile; true when nobody leads into the agent any more.
  Result<bool> Empty();
  Result<void> Unmap();
  /// The agent keeps its memory's file open between its begin and its install.
  [[nodiscard]] bool OwnsMemoryFile() const;
  void Held(std::chrono::nanoseconds duration) { report_.longest_hold = std::max(report_.longest_hold, duration); }

  const InjectionTarget& target_;
  const PlacedAgent& agent_;
  PyleakContext context_;
  AgentVisitors visitors_;
  std::vector<PyleakPatch> imports_;
  std::vector<AgentVisitors::Wait> led_out_;
  RemovalReport report_;
};

Result<std::vector<AddressRange>> Removal::Arenas() const {
  const auto map = MemoryMap::Read(target_.process.pid());
  if (!map) return map.error();
  return agent_.Arenas(*map);
}

std::vector<PyleakPatch> Removal::Imports(bool for_unwinding) const {
  std::vector<PyleakPatch> patches;
  // Modules may have been unloaded, and their memory given to something else, since their slots were redirected.
  for (PyleakPatch patch : imports_) {
    const auto value = target_.memory.ReadValue<std::uint64_t>(RemoteAddress(patch.slot));
    patch.applied = 1;
    if (value == patch.replacement && (patch.for_unwinding != 0) == for_unwinding) patches.push_back(patch);
  }
  return patches;
}

bool Removal::LeadOut(std::span<const AddressRange> arenas, std::vector<PyleakPatch>& patches) {
  bool all = true;
  for (const AddressRange& arena : arenas) {
    for (const AgentVisitors::Wait& wait : visitors_.Waits(arena)) {
      const auto where = visitors_.Where(wait);
      if (where == AgentVisitors::Whereabouts::kOutside) continue;
      const bool can_be = where == AgentVisitors::Whereabouts::kInWait && wait.way_back.original != 0;
      if (!can_be || patches.size() + Imports(true).size() >= PYLEAK_MAX_PATCHES) {
        all = false;
      } else {
        patches.push_back(wait.way_back);
        led_out_.push_back(wait);
      }
    }
  }
  return all;
}

bool Removal::IsAnybodyOnAnOldWay() {
  std::erase_if(led_out_, [this](const AgentVisitors::Wait& wait) {
    const auto word = target_.memory.ReadValue<std::uint64_t>(RemoteAddress(wait.way_back.slot));
    return word != wait.way_back.original || visitors_.Where(wait) != AgentVisitors::Whereabouts::kOnTop;
  });
  return !led_out_.empty();
}

bool Removal::IsAnybodyLost(std::span<const AddressRange> arenas) {
  return std::ranges::any_of(arenas, [this](const AddressRange& arena) { return visitors_.IsSomebodyLost(arena); });
}

/// By the agent itself, atomically: a thread may call through such a slot, or return by such a word, at any moment.
Result<void> Removal::PutBack(std::span<const PyleakPatch> patches) {
  std::vector<PyleakPatch> list(patches.begin(), patches.end());
  // What is put back later stays on the list, for the pyleak that comes after us if we die, or if the agent stays.
  for (PyleakPatch later : Imports(true)) {
    later.applied = 0;
    const auto same_slot = [&](const PyleakPatch& patch) { return patch.slot == later.slot; };
    if (std::ranges::none_of(patches, same_slot) && list.size() < PYLEAK_MAX_PATCHES) list.push_back(later);
  }
  std::ranges::copy(list, context_.patches);
  context_.patch_count = static_cast<std::uint32_t>(list.size());
  // The agent's functions run in borrowed threads only, so nobody else changes its context.
  if (auto written = target_.memory.WriteValue(agent_.context(), context_); !written) return written;
  auto held = CallInTarget(target_, agent_, agent_.remove_function());
  if (!held) return std::move(held).error();
  Held(*held);
  return {};
}

Result<bool> Removal::Empty() {
  const auto arenas = Arenas();
  if (!arenas) return arenas.error();
  auto patches = Imports(false);
  const std::size_t import_count = patches.size();
  const bool all = LeadOut(*arenas, patches);
  const auto armed = target_.memory.ReadValue<std::uint32_t>(agent_.armed_page());
  if (!patches.empty() || (!arenas->empty() && armed == PYLEAK_ARMED)) {
    auto put_back = PutBack(patches);
    // A stack can go with its thread at the very moment at which a word on it is to be replaced.
    if (!put_back && put_back.error().code != ErrorCode::kCorrupt) return std::move(put_back).error();
    report_.threads_led_out += patches.size() - import_count;
  }
  // Nobody comes in any more. Who was on his way into a wait is in it at the second look, who was in it is on his way
  // out at the third.
  std::vector<PyleakPatch> left;
  if (!all || visitors_.IsAnybodyInCode() || !LeadOut(*arenas, left) || !left.empty() || IsAnybodyOnAnOldWay() ||
      visitors_.IsAnybodyInCode()) {
    return false;
  }
  // Whoever is inside for good may be cancelled there, and must find his way through.
  if (IsAnybodyLost(*arenas)) return true;
  if (const auto unwinding = Imports(true); !unwinding.empty()) {
    if (auto put_back = PutBack(unwinding); !put_back) return std::move(put_back).error();
    if (visitors_.IsAnybodyInCode()) return false;
  }
  if (context_.address_taken == 0 || arenas->empty()) return true;
  // Whoever still comes finds it disarmed and goes straight through, but counts himself in the region on the way.
  auto forgotten = target_.memory.WriteValue(agent_.context() + offsetof(PyleakContext, region), std::uint64_t{0});
  if (!forgotten) return std::move(forgotten).error();
  context_.region = 0;
  return !visitors_.IsAnybodyInCode();
}

bool Removal::OwnsMemoryFile() const {
  if (context_.memory_fd < 0) return false;
  const auto link = ReadLink(SharedProcPath(target_.process.pid(), "fd/" + std::to_string(context_.memory_fd)));
  return link.ok() && link->starts_with("/memfd:pyleak");
}

/// In one piece where it can be: then there is no moment at which our death leaves a part.
Result<void> Removal::Unmap() {
  const auto arenas = Arenas();
  if (!arenas) return arenas.error();
  std::vector<AddressRange> free;
  std::ranges::copy_if(*arenas, std::back_inserter(free),
                       [this](const AddressRange& arena) { return !visitors_.IsSomebodyLost(arena); });
  if (free.size() < arenas->size()) {
    report_.left_because = "a thread is still inside the agent";
  } else if (context_.address_taken != 0) {
    report_.left_because = "the program may have kept the address of a function of the agent";
  } else {
    free.insert(free.begin(), agent_.core());
  }
  for (std::size_t i = free.size(); i-- > 1;) {
    if (free[i - 1].end != free[i].begin) continue;
    free[i - 1].end = free[i].end;
    free.erase(free.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (free.empty() && !OwnsMemoryFile()) return {};
  // The image last: by it the rest is found.
  std::ranges::reverse(free);
  auto held = UnmapRanges(target_, free, OwnsMemoryFile() ? context_.memory_fd : -1);
  if (!held) return std::move(held).error();
  Held(*held);
  return {};
}

Result<RemovalReport> Removal::Run() {
  bool empty = false;
  bool lost = false;
  for (const auto begin = steady_clock::now();;) {
    auto emptied = Empty();
    if (!emptied) return std::move(emptied).error().While("putting the import slots back");
    empty = *emptied;
    const auto arenas = Arenas();
    lost = arenas.ok() && IsAnybodyLost(*arenas);
    if ((empty && !lost) || steady_clock::now() >= begin + (empty ? kLimitForTheLost : kLimit)) break;
    std::this_thread::sleep_for(kTryPause);
  }
  if (!empty) {
    report_.left_because = "a thread is still inside the agent";
  } else if (auto unmapped = Unmap(); !unmapped) {
    report_.left_because = unmapped.error().what;
  }
  Held(visitors_.longest_hold());
  return report_;
}

}  // namespace

Result<RemovalReport> RemoveAgent(const InjectionTarget& target, const PlacedAgent& agent) {
  const auto context = agent.ReadContext(target.memory);
  if (!context) return Error{ErrorCode::kRefused, "the process holds an agent of another version of pyleak"};
  return Removal(target, agent, *context).Run();
}

Result<void> RemoveDebris(const InjectionTarget& target, std::span<const AddressRange> debris) {
  if (debris.empty()) return {};
  auto held = UnmapRanges(target, debris, -1);
  if (!held) return std::move(held).error();
  return {};
}

}  // namespace pyleak::attach
