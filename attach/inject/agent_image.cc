#include "attach/inject/agent_image.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "attach/agent/protocol.h"
#include "attach/inject/dynamic_module.h"

namespace pyleak::attach {
namespace {

constexpr std::size_t kMostSegments = 16;

std::uint64_t PageEnd(std::uint64_t address) { return (address + PYLEAK_PAGE - 1) / PYLEAK_PAGE * PYLEAK_PAGE; }

}  // namespace

Result<AgentImage> AgentImage::Lay(std::span<const std::byte> elf) {
  const Error corrupt{ErrorCode::kCorrupt, "the agent embedded in pyleak is damaged"};
  Elf64_Ehdr header{};
  if (elf.size() < sizeof(header)) return corrupt;
  std::memcpy(&header, elf.data(), sizeof(header));
  std::vector<std::byte> bytes;
  std::size_t text_bytes = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(header.e_phnum, kMostSegments); ++i) {
    Elf64_Phdr segment{};
    if (header.e_phoff + (i + 1) * sizeof(segment) > elf.size()) return corrupt;
    std::memcpy(&segment, elf.data() + header.e_phoff + i * sizeof(segment), sizeof(segment));
    if (segment.p_type != PT_LOAD) continue;
    if (segment.p_offset + segment.p_filesz > elf.size() || segment.p_filesz > segment.p_memsz) return corrupt;
    const std::uint64_t end = PageEnd(segment.p_vaddr + segment.p_memsz);
    if (bytes.size() < end) bytes.resize(end);
    std::ranges::copy(elf.subspan(segment.p_offset, segment.p_filesz),
                      bytes.begin() + static_cast<std::ptrdiff_t>(segment.p_vaddr));
    if ((segment.p_flags & PF_X) != 0) text_bytes = end;
  }
  if (text_bytes == 0 || text_bytes == bytes.size()) return corrupt;
  return AgentImage(std::move(bytes), text_bytes);
}

std::size_t AgentImage::Read(RemoteAddress from, std::span<std::byte> into) const {
  if (from.value() >= bytes_.size()) return 0;
  const std::size_t count = std::min<std::size_t>(into.size(), bytes_.size() - from.value());
  std::memcpy(into.data(), bytes_.data() + from.value(), count);
  return count;
}

std::optional<std::uint64_t> AgentImage::OffsetOf(std::string_view symbol) const {
  const auto module = DynamicModule::ParseAt(*this, RemoteAddress(0));
  const auto found = module ? module->FindDefinition(symbol) : std::nullopt;
  if (!found || found->value() >= bytes_.size()) return std::nullopt;
  return found->value();
}

std::optional<std::uint64_t> AgentImage::HookFor(std::string_view function) const {
  const auto hook = OffsetOf(function);
  return hook ? hook : OffsetOf(std::string("pyleak_").append(function));
}

}  // namespace pyleak::attach
