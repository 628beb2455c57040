#include "attach/inject/placed_agent.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "attach/inject/dynamic_module.h"

namespace pyleak::attach {
namespace {

constexpr std::string_view kReturnPrefix = "pyleak_return_";
constexpr std::string_view kArenaPath = "/memfd:pyleak (deleted)";
constexpr std::size_t kMostSegments = 16;
/// An agent has some 30 KiB.
constexpr std::uint64_t kLargestAgent = std::uint64_t{1} << 20;

/// The low half of every address that an agent is placed at ("PL"): even an empty mapping is known by it.
constexpr std::uint64_t kMarkedHalf = std::uint64_t{1} << 32;
constexpr std::uint64_t kMark = 0x504c0000;

bool IsMarked(const Mapping& mapping) {
  return mapping.inode == 0 && mapping.path.empty() && !mapping.shared &&
         mapping.range.begin.value() % kMarkedHalf == kMark;
}

bool IsArena(const Mapping& mapping) { return mapping.shared && mapping.path == kArenaPath; }

/// The end of the last segment; 0 where there is no ELF header or it cannot be true.
std::uint64_t ImageBytes(const MemoryReader& memory, RemoteAddress base) {
  const auto header = memory.ReadValue<Elf64_Ehdr>(base);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return 0;
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(header->e_phnum, kMostSegments); ++i) {
    const auto segment = memory.ReadValue<Elf64_Phdr>(base + header->e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment || segment->p_type != PT_LOAD) continue;
    if (segment->p_vaddr > kLargestAgent || segment->p_memsz > kLargestAgent) return 0;
    end = std::max(end, segment->p_vaddr + segment->p_memsz);
  }
  return (end + PYLEAK_PAGE - 1) / PYLEAK_PAGE * PYLEAK_PAGE;
}

}  // namespace

std::optional<PlacedAgent> PlacedAgent::At(const MemoryReader& memory, RemoteAddress base) {
  const std::uint64_t bytes = ImageBytes(memory, base);
  const auto module = bytes == 0 ? std::nullopt : DynamicModule::ParseAt(memory, base);
  if (!module) return std::nullopt;
  PlacedAgent agent;
  agent.range_ = {base, base + bytes};
  const auto find = [&](std::string_view symbol, RemoteAddress& address) {
    const auto found = module->FindDefinition(symbol);
    address = found.value_or(RemoteAddress());
    return found && agent.range_.Contains(address);
  };
  if (!find("pyleak_context", agent.context_) || !find("pyleak_begin", agent.begin_function_) ||
      !find("pyleak_install", agent.install_function_) || !find("pyleak_remove", agent.remove_function_)) {
    return std::nullopt;
  }
  find(std::string(kReturnPrefix) + "syscall", agent.system_call_return_);
  for (const std::string_view name : {PYLEAK_FUNCTION_NAMES}) {
    RemoteAddress address;
    if (name != "syscall" && find(std::string(kReturnPrefix).append(name), address)) agent.returns_.push_back(address);
  }
  return agent;
}

PlacedAgent PlacedAgent::MovedTo(RemoteAddress base) const {
  const std::uint64_t by = base - range_.begin;
  PlacedAgent moved = *this;
  moved.range_ = {base, base + range_.size_bytes()};
  for (RemoteAddress* address : {&moved.context_, &moved.begin_function_, &moved.install_function_,
                                 &moved.remove_function_, &moved.system_call_return_}) {
    *address = *address + by;
  }
  for (RemoteAddress& address : moved.returns_) address = address + by;
  return moved;
}

std::vector<PlacedAgent> PlacedAgent::FindAll(const MemoryReader& memory, const MemoryMap& map) {
  std::vector<PlacedAgent> agents;
  for (const Mapping& mapping : map.mappings()) {
    if (!IsMarked(mapping) || !mapping.executable || mapping.writable) continue;
    if (auto agent = At(memory, mapping.range.begin)) agents.push_back(*std::move(agent));
  }
  return agents;
}

std::vector<AddressRange> PlacedAgent::FindDebris(const MemoryMap& map, std::uint64_t image_bytes) {
  std::vector<AddressRange> debris;
  for (const Mapping& mapping : map.mappings()) {
    const bool same_size = mapping.range.size_bytes() == BytesWithPage(image_bytes);
    if (IsMarked(mapping) && !mapping.executable && same_size) debris.push_back(mapping.range);
  }
  return debris;
}

std::vector<AddressRange> PlacedAgent::Arenas(const MemoryMap& map) const {
  // The next agent may begin there.
  const AddressRange around{core().end, range_.begin + kMarkedHalf};
  std::vector<AddressRange> arenas;
  for (const Mapping& mapping : map.mappings()) {
    if (around.Contains(mapping.range.begin) && IsArena(mapping)) arenas.push_back(mapping.range);
  }
  return arenas;
}

RemoteAddress PlacedAgent::PlaceAbove(RemoteAddress address) {
  return RemoteAddress(address.value() / kMarkedHalf * kMarkedHalf + kMarkedHalf + kMark);
}

std::optional<PyleakContext> PlacedAgent::ReadContext(const MemoryReader& memory) const {
  const auto context = memory.ReadValue<PyleakContext>(context_);
  if (!context || context->magic != PYLEAK_MAGIC || context->version != PYLEAK_PROTOCOL_VERSION) return std::nullopt;
  return context;
}

}  // namespace pyleak::attach
