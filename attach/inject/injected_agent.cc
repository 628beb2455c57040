#include "attach/inject/injected_agent.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "attach/agent/embedded_agent.h"
#include "attach/base/file.h"
#include "attach/inject/agent_call.h"
#include "attach/inject/agent_owner.h"
#include "attach/inject/gadgets.h"
#include "attach/inject/leftovers.h"
#include "attach/proc/memory_cgroup.h"

namespace pyleak::attach {
namespace {

/// The agent keeps this far from everything that is mapped, and so out of the way of heaps and stacks that grow.
constexpr std::uint64_t kRoomAround = std::uint64_t{64} << 20;
/// User addresses end here, TASK_SIZE_MAX of a process that has not asked for more (Documentation/arch/x86/x86_64/mm).
constexpr std::uint64_t kAddressLimit = 0x7ffffffff000;

/// Near the middle of the largest hole.
std::optional<RemoteAddress> ChooseAddress(const MemoryMap& map, std::uint64_t bytes) {
  AddressRange largest{RemoteAddress(kRoomAround), RemoteAddress(kRoomAround)};
  RemoteAddress hole_begin(kRoomAround);
  const auto consider = [&](RemoteAddress hole_end) {
    if (hole_end > hole_begin && hole_end - hole_begin > largest.size_bytes()) largest = {hole_begin, hole_end};
  };
  for (const Mapping& mapping : map.mappings()) {
    if (mapping.range.begin >= RemoteAddress(kAddressLimit)) break;
    consider(mapping.range.begin);
    hole_begin = std::max(hole_begin, mapping.range.end);
  }
  consider(RemoteAddress(kAddressLimit));
  const RemoteAddress chosen = PlacedAgent::PlaceAbove(largest.begin + largest.size_bytes() / 2);
  const RemoteAddress end = chosen + bytes + kRoomAround;
  return chosen > largest.begin + kRoomAround && end < largest.end ? std::optional(chosen) : std::nullopt;
}

std::uint32_t MostRegions(const InjectionOptions& options) { return options.follow_children ? kMostRegions : 1; }

/// What the target itself has to pay for: the agent's image, pages of import slots, page tables. Some 100 KiB.
constexpr std::uint64_t kMemoryNeeded = std::uint64_t{192} << 10;

constexpr std::chrono::milliseconds kLoadingPause(1);

bool IsAddressTaken(std::span<const PyleakPatch> patches) {
  return std::ranges::any_of(patches, [](const PyleakPatch& patch) { return patch.only_called == 0; });
}

Result<void> CheckSystemCall(const Result<std::int64_t>& result, std::string_view doing) {
  if (!result) return result.error();
  if (*result < 0) return ErrnoError(doing, static_cast<int>(-*result));
  return {};
}

Error BeginsElsewhere() { return {ErrorCode::kAlreadyWatched, "another pyleak begins to watch it at this moment"}; }

/// The code through which threads are led. A program that has only just begun is given time to be loaded: its libc may
/// not be mapped yet, nor its import slots be filled.
Result<arch::Gadgets> LocateGadgetsOnceLoaded(const ProcessIdentity& process, const ProcessMemory& memory,
                                              std::chrono::milliseconds patience) {
  for (const auto deadline = std::chrono::steady_clock::now() + patience;;) {
    const auto map = MemoryMap::Read(process.pid());
    if (!map) return map.error();
    if (const auto modules = LoadedModules::Read(process, memory, *map); !modules) return modules.error();
    const auto list = ModuleListWatch::Over(process, memory);
    const auto before = list.Fingerprint(memory);
    auto gadgets = LocateGadgets(memory, *map);
    const bool loaded = gadgets.ok() && (before ? before == list.Fingerprint(memory) : !list.exists());
    if (loaded || std::chrono::steady_clock::now() >= deadline) return gadgets;
    std::this_thread::sleep_for(kLoadingPause);
  }
}

Result<void> Unmap(BorrowedThread& thread, RemoteAddress begin, std::uint64_t bytes) {
  const std::array<std::uint64_t, 2> arguments = {begin.value(), bytes};
  return CheckSystemCall(thread.SystemCall(SYS_munmap, arguments), "munmap");
}

}  // namespace

Result<void> CheckMemoryHeadroom(const ProcessIdentity& process) {
  const auto headroom = ReadMemoryHeadroom(process.pid());
  if (!headroom || *headroom >= kMemoryNeeded) return {};
  return Error{ErrorCode::kRefused, "its memory cgroup is full: a few pages more and the kernel might end it"};
}

Result<InjectedAgent> InjectedAgent::Inject(const ProcessIdentity& process, const InjectionOptions& options) {
  auto memory = ProcessMemory::Open(process);
  if (!memory) return std::move(memory).error();
  auto image = AgentImage::Lay(EmbeddedAgent());
  if (!image) return std::move(image).error();
  auto owned_memory = std::make_unique<ProcessMemory>(*std::move(memory));
  const auto gadgets = LocateGadgetsOnceLoaded(process, *owned_memory, options.patience);
  if (!gadgets) return gadgets.error();
  const auto module_list = ModuleListWatch::Over(process, *owned_memory);

  InjectedAgent agent(process, std::move(owned_memory), *std::move(image), *gadgets, module_list);
  agent.borrowing_ = {.limit = options.patience, .observer = options.observer};
  auto leftover = RemoveLeftovers(agent.target(), agent.image_);
  if (!leftover) return std::move(leftover).error();
  agent.leftover_ = *std::move(leftover);
  auto placed = agent.Place(options);
  if (!placed && !agent.placed_ && agent.leftover_) (void)GiveUpAgent(*agent.memory_, *agent.leftover_);
  if (!placed) return std::move(placed).error();
  return agent;
}

InjectedAgent::~InjectedAgent() {
  if (placed_) (void)Remove();
}

Result<BorrowedThread> InjectedAgent::Borrow() const {
  return BorrowedThread::Borrow(process_, *memory_, gadgets_, borrowing_);
}

Result<void> InjectedAgent::Place(const InjectionOptions& options) {
  if (auto enough = CheckMemoryHeadroom(process_); !enough) return enough;
  // All that takes time comes before a thread is held.
  const auto map = MemoryMap::Read(process_.pid());
  if (!map) return map.error();
  const RemoteAddress claimed = leftover_ ? leftover_->range().begin : RemoteAddress();
  if (auto unwatched = CheckUnwatched(*memory_, *map, claimed); !unwatched) return unwatched;
  // What the dead have left is gone by now: this one is about to write its name there.
  if (!PlacedAgent::FindDebris(*map, image_.bytes().size()).empty()) return BeginsElsewhere();
  const std::uint64_t arena_bytes = PYLEAK_ARENA_BYTES(std::uint64_t{MostRegions(options)});
  const auto place = ChoosePlace(*map, arena_bytes);
  if (!place) return place.error();
  modules_seen_ = module_list_.Fingerprint(*memory_);
  const auto modules = LoadedModules::Read(process_, *memory_, *map);
  if (!modules) return modules.error();
  const auto clock = modules->FindClock();
  if (!clock) return Error{ErrorCode::kRefused, "no clock_gettime was found in the process"};
  const auto earlier = leftover_ ? leftover_->ReadContext(*memory_) : std::nullopt;
  // Unwinders are told of an agent as long as somebody may be inside, so of one that has stayed they still are.
  std::vector<PyleakPatch> known = earlier ? StillRedirected(*earlier) : std::vector<PyleakPatch>();
  std::erase_if(known, [](const PyleakPatch& patch) { return patch.for_unwinding == 0; });
  const Redirections found = FindRedirections(*modules, *memory_, *map, image_, place->range().begin, known);

  auto context = std::make_unique<PyleakContext>();
  context->magic = PYLEAK_MAGIC;
  context->version = PYLEAK_PROTOCOL_VERSION;
  context->patch_count = static_cast<std::uint32_t>(known.size() + found.patches.size());
  std::ranges::copy(found.real, context->real);
  context->clock = clock->value();
  const auto arenas_in_use = place->Arenas(*map);
  context->armed = place->armed_page().value();
  context->arena_at = (arenas_in_use.empty() ? place->core().end : arenas_in_use.back().end).value();
  context->arena_bytes = arena_bytes;
  context->address_taken = (earlier && earlier->address_taken != 0) || IsAddressTaken(found.patches) ? 1 : 0;
  context->memory_fd = -1;
  const auto owner = OwnName();
  if (!owner) return owner.error();
  context->owner = *owner;
  std::ranges::copy(found.patches, std::ranges::copy(known, context->patches).out);
  report_.foreign_slots = found.foreign_slots + found.slots_without_room;

  auto begun = Begin(*place, *context);
  if (!begun) return std::move(begun).error().While("placing the agent");
  if (auto opened = OpenArena(options); !opened) return std::move(opened).error().While("opening the agent's memory");
  auto installed = CallAgent(placed_->install_function());
  if (!installed) return std::move(installed).error().While("redirecting the wait calls");
  const auto patches =
      std::span(installed->patches).first(std::min<std::size_t>(installed->patch_count, PYLEAK_MAX_PATCHES));
  report_.redirected_slots = static_cast<std::size_t>(
      std::ranges::count_if(patches, [](const PyleakPatch& patch) { return patch.applied != 0; }));
  return {};
}

Result<PlacedAgent> InjectedAgent::ChoosePlace(const MemoryMap& map, std::uint64_t arena_bytes) const {
  if (leftover_) return *leftover_;
  const auto embedded = PlacedAgent::At(image_, RemoteAddress());
  if (!embedded) return Error{ErrorCode::kCorrupt, "the agent embedded in pyleak is damaged"};
  const auto base = ChooseAddress(map, embedded->core().size_bytes() + arena_bytes);
  if (!base) return Error{ErrorCode::kRefused, "the address space of the process is full"};
  return embedded->MovedTo(*base);
}

Result<void> InjectedAgent::Begin(const PlacedAgent& agent, const PyleakContext& context) {
  if (leftover_) {
    if (auto written = memory_->WriteValue(agent.context(), context); !written) return written;
  } else {
    auto held = tracer_->Run([&]() -> Result<std::chrono::nanoseconds> {
      auto thread = Borrow();
      if (!thread) return std::move(thread).error();
      if (auto mapped = MapImage(*thread, agent, context); !mapped) return std::move(mapped).error();
      return thread->GiveBack();
    });
    if (!held) return std::move(held).error();
    Held(*held);
  }
  placed_ = std::make_unique<PlacedAgent>(agent);
  auto begun = CallAgent(agent.begin_function());
  if (!begun) return std::move(begun).error();
  return {};
}

void InjectedAgent::Held(std::chrono::nanoseconds duration) {
  report_.longest_hold = std::max(report_.longest_hold, duration);
}

Result<void> InjectedAgent::MapImage(BorrowedThread& thread, const PlacedAgent& agent, const PyleakContext& context) {
  const RemoteAddress base = agent.range().begin;
  const std::uint64_t bytes = agent.core().size_bytes();
  const std::array<std::uint64_t, 6> where = {
      base.value(), bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, ~0ULL, 0};
  const auto mapped = thread.SystemCall(SYS_mmap, where);
  // The address follows from the map alone, so that two that come at once meet there.
  if (mapped.ok() && *mapped == -EEXIST) return BeginsElsewhere();
  if (auto checked = CheckSystemCall(mapped, "mmap"); !checked) return checked;
  // Before Linux 4.17 the address is only a wish.
  if (RemoteAddress(static_cast<std::uint64_t>(*mapped)) != base) {
    (void)Unmap(thread, RemoteAddress(static_cast<std::uint64_t>(*mapped)), bytes);
    return Error{ErrorCode::kRefused, "the address that was free a moment ago is taken"};
  }
  auto written = memory_->Write(base, image_.bytes());
  if (written.ok()) written = memory_->WriteValue(agent.context(), context);
  if (written.ok()) written = memory_->WriteValue(agent.armed_page(), std::uint32_t{PYLEAK_ARMED_OFF});
  if (written.ok()) {
    const std::array<std::uint64_t, 3> text = {base.value(), image_.text().size(), PROT_READ | PROT_EXEC};
    written = CheckSystemCall(thread.SystemCall(SYS_mprotect, text), "mprotect");
  }
  if (!written) (void)Unmap(thread, base, bytes);
  return written;
}

Result<void> InjectedAgent::OpenArena(const InjectionOptions& options) {
  const auto context = placed_->ReadContext(*memory_);
  if (!context) return Error{ErrorCode::kCorrupt, "the agent's context cannot be read back"};
  auto file = OpenArenaFile(process_, context->memory_fd);
  if (!file) return std::move(file).error();
  auto memory = ArenaMemory::Make(*file, MostRegions(options), options.threshold, options.follow_children);
  if (!memory) return std::move(memory).error();
  if (auto sealed = ArenaMemory::Seal(*file); !sealed) return sealed;
  arena_file_ = *std::move(file);
  arena_memory_.emplace(*std::move(memory));
  life_sign_ = std::make_unique<LifeSign>(arena_memory_->arena().life_sign());
  arena_memory_->arena().SetOwner(context->owner);
  return {};
}

Result<PyleakContext> InjectedAgent::CallAgent(RemoteAddress function) {
  auto held = CallInTarget(target(), *placed_, function);
  if (!held) return std::move(held).error();
  Held(*held);
  const auto context = placed_->ReadContext(*memory_);
  if (!context) return Error{ErrorCode::kCorrupt, "the agent's context cannot be read back"};
  return *context;
}

/// Without those of modules that have been unloaded since.
std::vector<PyleakPatch> InjectedAgent::StillRedirected(const PyleakContext& context) const {
  std::vector<PyleakPatch> redirected;
  const auto count = std::min<std::size_t>(context.patch_count, PYLEAK_MAX_PATCHES);
  for (PyleakPatch patch : std::span(context.patches).first(count)) {
    const auto value = memory_->ReadValue<std::uint64_t>(RemoteAddress(patch.slot));
    if (value != patch.replacement) continue;
    patch.applied = 1;
    redirected.push_back(patch);
  }
  return redirected;
}

Result<std::size_t> InjectedAgent::ExtendToNewModules() {
  if (!IsStillThere()) return std::size_t{0};
  const auto now = module_list_.Fingerprint(*memory_);
  if (!now) return std::size_t{0};
  auto context = placed_->ReadContext(*memory_);
  if (!context || context->patch_count > PYLEAK_MAX_PATCHES) {
    return Error{ErrorCode::kCorrupt, "the agent's context has been overwritten"};
  }
  // A module that has gone and come back looks the same, but for its slots.
  const std::vector<PyleakPatch> known = StillRedirected(*context);
  if (now == modules_seen_ && known.size() == context->patch_count) return std::size_t{0};
  const auto map = MemoryMap::Read(process_.pid());
  if (!map) return map.error();
  const auto modules = LoadedModules::Read(process_, *memory_, *map);
  if (!modules) return modules.error();
  const Redirections found = FindRedirections(*modules, *memory_, *map, image_, placed_->range().begin, known);
  modules_seen_ = now;
  if (found.patches.empty()) return std::size_t{0};
  std::ranges::copy(known, context->patches);
  std::ranges::copy(found.patches, context->patches + known.size());
  context->patch_count = static_cast<std::uint32_t>(known.size() + found.patches.size());
  if (IsAddressTaken(found.patches)) context->address_taken = 1;
  // The agent's functions run in borrowed threads only, so nobody else changes its context.
  if (auto written = memory_->WriteValue(placed_->context(), *context); !written) return std::move(written).error();
  auto extended = CallAgent(placed_->install_function());
  if (!extended) return std::move(extended).error().While("redirecting the calls of a module that was loaded later");
  report_.redirected_slots += found.patches.size();
  return found.patches.size();
}

Result<RemovalReport> InjectedAgent::Remove() {
  if (!IsStillThere()) return RemovalReport();
  const auto agent = std::move(placed_);
  auto removed = RemoveAgent(target(), *agent);
  if (removed.ok() && removed->unmapped()) return removed;
  if (!process_.StillRuns() || !memory_->IsSameProgram(agent->range().begin)) return RemovalReport();
  // What stays is nobody's, and the next watch may take it up.
  if (auto given_up = GiveUpAgent(*memory_, *agent); !given_up) return std::move(given_up).error();
  return removed;
}

bool InjectedAgent::IsStillThere() const {
  return placed_ && process_.StillRuns() && memory_->IsSameProgram(placed_->range().begin);
}

}  // namespace pyleak::attach
