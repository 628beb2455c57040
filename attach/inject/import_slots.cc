#include "attach/inject/import_slots.h"

#include <sys/mman.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "attach/inject/called_slots.h"

namespace pyleak::attach {
namespace {

constexpr std::array<std::string_view, PYLEAK_FUNCTION_COUNT> kFunctionNames = {PYLEAK_FUNCTION_NAMES};
/// Second names of the same functions, as glibc exports them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kAliases = {
    {{"__poll", "poll"}, {"__select", "select"}}};

bool IsForUnwinding(std::string_view function) {
  return function == kFunctionNames[PYLEAK_FUNCTION_FIND_OBJECT] ||
         function == kFunctionNames[PYLEAK_FUNCTION_ITERATE_PHDR];
}

std::string_view FunctionOf(std::string_view name) {
  const auto alias = std::ranges::find(kAliases, name, [](const auto& entry) { return entry.first; });
  return alias == kAliases.end() ? name : alias->second;
}

bool IsEpollWait(std::string_view function) {
  return function == kFunctionNames[PYLEAK_FUNCTION_EPOLL_WAIT] ||
         function == kFunctionNames[PYLEAK_FUNCTION_EPOLL_PWAIT] ||
         function == kFunctionNames[PYLEAK_FUNCTION_EPOLL_PWAIT2];
}

bool IsWait(std::string_view function) {
  const auto name = std::ranges::find(kFunctionNames, function);
  return name - kFunctionNames.begin() <= PYLEAK_FUNCTION_PSELECT;
}

/// Leaves out slots whose contents the program may have copied, where that is not worth an agent that has to stay. What
/// is compiled without a PLT copies them into registers, everywhere in Rust: syscall(2) for its locks, poll(2) to
/// connect. So such a slot of poll or select counts only in the program itself, if it does not wait in epoll.
void LeaveOutKeptSlots(const DynamicModule& module, std::vector<ImportSlot>& slots) {
  const bool is_program = !module.debug().is_null();
  const bool has_epoll = std::ranges::any_of(
      slots, [](const ImportSlot& slot) { return slot.only_called && IsEpollWait(FunctionOf(slot.name)); });
  std::erase_if(slots, [&](const ImportSlot& slot) {
    const std::string_view function = FunctionOf(slot.name);
    const bool is_worth_it = IsEpollWait(function) || (IsWait(function) && is_program && !has_epoll);
    return !slot.only_called && !is_worth_it;
  });
}

std::vector<std::string_view> NamesToLookFor() {
  std::vector<std::string_view> names(kFunctionNames.begin(), kFunctionNames.end());
  for (const auto& [alias, function] : kAliases) names.push_back(alias);
  return names;
}

std::uint32_t ProtectionOf(const Mapping& mapping) {
  return (mapping.readable ? PROT_READ : 0U) | (mapping.writable ? PROT_WRITE : 0U) |
         (mapping.executable ? PROT_EXEC : 0U);
}

/// True for the code of the module itself: what a slot points to until the linker has bound it.
bool IsOwnCode(const MemoryMap& map, const DynamicModule& module, RemoteAddress code) {
  const Mapping* target = map.Find(code);
  const Mapping* own = map.Find(module.dynamic());
  return target != nullptr && own != nullptr && target->executable && target->inode != 0 && target->path == own->path;
}

struct Context {
  const LoadedModules& modules;
  const MemoryReader& memory;
  const MemoryMap& map;
  const AgentImage& agent;
  RemoteAddress agent_base;
};

std::optional<PyleakPatch> PatchFor(const Context& context, const DynamicModule& module, const ImportSlot& slot) {
  const std::string_view function = FunctionOf(slot.name);
  const auto definition = context.modules.FindDefinition(function);
  const auto hook = context.agent.HookFor(function);
  const auto value = context.memory.ReadValue<std::uint64_t>(slot.address);
  const Mapping* page = context.map.Find(slot.address);
  if (!definition || !hook || !value || page == nullptr || slot.address.value() % sizeof(std::uint64_t) != 0) {
    return std::nullopt;
  }
  if (RemoteAddress(*value) != *definition && !IsOwnCode(context.map, module, RemoteAddress(*value)))
    return std::nullopt;
  PyleakPatch patch{};
  patch.slot = slot.address.value();
  patch.original = *value;
  patch.replacement = (context.agent_base + *hook).value();
  patch.protection = ProtectionOf(*page);
  patch.only_called = slot.only_called ? 1 : 0;
  patch.for_unwinding = IsForUnwinding(slot.name) ? 1 : 0;
  return patch;
}

}  // namespace

Redirections FindRedirections(const LoadedModules& modules, const MemoryReader& memory, const MemoryMap& map,
                              const AgentImage& agent, RemoteAddress agent_base,
                              const std::vector<PyleakPatch>& known) {
  const Context context{modules, memory, map, agent, agent_base};
  const auto names = NamesToLookFor();
  Redirections redirections;
  for (std::size_t i = 0; i < kFunctionNames.size(); ++i) {
    redirections.real[i] = modules.FindDefinition(kFunctionNames[i]).value_or(RemoteAddress()).value();
  }
  CalledSlots called(memory, map);
  for (const DynamicModule& module : modules.modules()) {
    std::vector<ImportSlot> slots = module.FindImports(names);
    called.Mark(module, slots);
    LeaveOutKeptSlots(module, slots);
    for (const ImportSlot& slot : slots) {
      const auto same_slot = [&](const PyleakPatch& patch) { return patch.slot == slot.address.value(); };
      if (std::ranges::any_of(known, same_slot)) continue;
      const auto patch = PatchFor(context, module, slot);
      if (!patch) {
        ++redirections.foreign_slots;
      } else if (known.size() + redirections.patches.size() == PYLEAK_MAX_PATCHES) {
        ++redirections.slots_without_room;
      } else {
        redirections.patches.push_back(*patch);
      }
    }
  }
  // First those by which an unwinder gets through the agent, before anybody can be inside.
  std::ranges::stable_partition(redirections.patches,
                                [](const PyleakPatch& patch) { return patch.for_unwinding != 0; });
  return redirections;
}

}  // namespace pyleak::attach
