#include "attach/inject/dynamic_module.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "attach/trace/arch/x86_64.h"

namespace pyleak::attach {
namespace {

constexpr std::size_t kMostDynamicEntries = 512;
constexpr std::size_t kMostProgramHeaders = 64;
/// Longer tables are cut: those of the largest programs known are some 30 MiB.
constexpr std::uint64_t kLargestTable = std::uint64_t{64} << 20;
constexpr std::size_t kMostChainSteps = 4096;
constexpr std::size_t kLongestName = 64;

template <typename T>
std::vector<T> ReadTable(const MemoryReader& memory, RemoteAddress from, std::uint64_t bytes) {
  std::vector<T> table(std::min(bytes, kLargestTable) / sizeof(T));
  const std::size_t count = memory.Read(from, std::as_writable_bytes(std::span(table)));
  table.resize(count / sizeof(T));
  return table;
}

/// gABI, "Hash Table".
std::uint32_t SysvHash(std::string_view name) {
  std::uint32_t hash = 0;
  for (const char character : name) {
    hash = (hash << 4) + static_cast<unsigned char>(character);
    hash ^= (hash & 0xf0000000U) >> 24;
    hash &= 0x0fffffffU;
  }
  return hash;
}

/// The hash of DT_GNU_HASH: Bernstein's, from 5381.
std::uint32_t GnuHash(std::string_view name) {
  std::uint32_t hash = 5381;
  for (const char character : name) hash = hash * 33 + static_cast<unsigned char>(character);
  return hash;
}

struct LoadedFunction {
  std::uint32_t symbol;
  bool only_called;
};

/// The symbol of a relocation that fills a slot with a function's address, and nothing else.
std::optional<LoadedFunction> FunctionOf(const Elf64_Rela& relocation) {
  const auto type = ELF64_R_TYPE(relocation.r_info);
  if (type != arch::kJumpSlotRelocation && type != arch::kGlobalDataRelocation) return std::nullopt;
  return LoadedFunction{static_cast<std::uint32_t>(ELF64_R_SYM(relocation.r_info)), type == arch::kJumpSlotRelocation};
}

}  // namespace

std::optional<DynamicModule> DynamicModule::ParseAt(const MemoryReader& memory, RemoteAddress header) {
  const auto elf = memory.ReadValue<Elf64_Ehdr>(header);
  if (!elf || std::memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 || elf->e_phentsize != sizeof(Elf64_Phdr)) {
    return std::nullopt;
  }
  std::vector<Elf64_Phdr> segments(std::min<std::size_t>(elf->e_phnum, kMostProgramHeaders));
  if (memory.Read(header + elf->e_phoff, std::as_writable_bytes(std::span(segments))) !=
      segments.size() * sizeof(Elf64_Phdr)) {
    return std::nullopt;
  }
  const auto first = std::ranges::find_if(segments, [](const Elf64_Phdr& s) { return s.p_type == PT_LOAD; });
  const auto dynamic = std::ranges::find_if(segments, [](const Elf64_Phdr& s) { return s.p_type == PT_DYNAMIC; });
  if (first == segments.end() || dynamic == segments.end()) return std::nullopt;
  const RemoteAddress bias = header - (first->p_vaddr - first->p_offset);
  auto module = Parse(memory, bias, bias + dynamic->p_vaddr);
  const auto index = std::ranges::find_if(segments, [](const Elf64_Phdr& s) { return s.p_type == PT_GNU_EH_FRAME; });
  if (module && index != segments.end()) module->unwind_index_ = bias + index->p_vaddr;
  return module;
}

std::optional<DynamicModule> DynamicModule::Parse(const MemoryReader& memory, RemoteAddress bias,
                                                  RemoteAddress dynamic) {
  DynamicModule module(memory, bias, dynamic);
  for (std::size_t i = 0; i < kMostDynamicEntries; ++i) {
    const auto entry = memory.ReadValue<Elf64_Dyn>(dynamic + i * sizeof(Elf64_Dyn));
    if (!entry) return std::nullopt;
    if (entry->d_tag == DT_NULL) break;
    module.Take(entry->d_tag, entry->d_un.d_val);
  }
  if (module.symbols_.is_null() || module.strings_.begin.is_null()) return std::nullopt;
  return module;
}

RemoteAddress DynamicModule::Relocated(std::uint64_t pointer) const {
  // glibc adds the bias to most of these pointers in memory; musl does not, and nobody does for the vDSO.
  const RemoteAddress address(pointer);
  return address < bias_ ? bias_ + pointer : address;
}

void DynamicModule::Take(std::int64_t tag, std::uint64_t value) {
  switch (tag) {
    case DT_STRTAB:
      strings_.begin = Relocated(value);
      break;
    case DT_STRSZ:
      strings_.bytes = value;
      break;
    case DT_SYMTAB:
      symbols_ = Relocated(value);
      break;
    case DT_JMPREL:
      jump_relocations_.begin = Relocated(value);
      break;
    case DT_PLTRELSZ:
      jump_relocations_.bytes = value;
      break;
    case DT_RELA:
      relocations_.begin = Relocated(value);
      break;
    case DT_RELASZ:
      relocations_.bytes = value;
      break;
    case DT_GNU_HASH:
      gnu_hash_ = Relocated(value);
      break;
    case DT_HASH:
      sysv_hash_ = Relocated(value);
      break;
    case DT_DEBUG:
      debug_ = RemoteAddress(value);
      break;
    default:
      break;
  }
}

std::optional<RemoteAddress> DynamicModule::DefinitionAt(std::uint64_t index, std::string_view name) const {
  const auto symbol = memory_->ReadValue<Elf64_Sym>(symbols_ + index * sizeof(Elf64_Sym));
  if (!symbol || symbol->st_shndx == SHN_UNDEF || symbol->st_name >= strings_.bytes) return std::nullopt;
  if (ELF64_ST_BIND(symbol->st_info) == STB_LOCAL || ELF64_ST_TYPE(symbol->st_info) == STT_TLS) return std::nullopt;
  if (memory_->ReadString(strings_.begin + symbol->st_name, kLongestName) != name) return std::nullopt;
  return bias_ + symbol->st_value;
}

std::optional<RemoteAddress> DynamicModule::FindDefinition(std::string_view name) const {
  return gnu_hash_.is_null() ? FindBySysvHash(name) : FindByGnuHash(name);
}

std::optional<RemoteAddress> DynamicModule::FindByGnuHash(std::string_view name) const {
  // Four words (buckets, index of the first hashed symbol, words of the filter, its shift), the filter of 64-bit words,
  // the buckets, and a chain of hashes whose last one has bit 0 set.
  const auto header = memory_->ReadValue<std::array<std::uint32_t, 4>>(gnu_hash_);
  if (!header || (*header)[0] == 0) return std::nullopt;
  const auto [bucket_count, first_symbol, filter_words, shift] = *header;
  const RemoteAddress buckets = gnu_hash_ + sizeof(*header) + std::uint64_t{filter_words} * sizeof(std::uint64_t);
  const RemoteAddress chains = buckets + std::uint64_t{bucket_count} * sizeof(std::uint32_t);
  const std::uint32_t hash = GnuHash(name);
  const auto bucket = memory_->ReadValue<std::uint32_t>(buckets + hash % bucket_count * sizeof(std::uint32_t));
  if (!bucket || *bucket < first_symbol) return std::nullopt;
  for (std::uint64_t index = *bucket; index < *bucket + kMostChainSteps; ++index) {
    const auto link = memory_->ReadValue<std::uint32_t>(chains + (index - first_symbol) * sizeof(std::uint32_t));
    if (!link) return std::nullopt;
    if ((*link | 1) == (hash | 1)) {
      if (const auto found = DefinitionAt(index, name)) return found;
    }
    if ((*link & 1) != 0) break;
  }
  return std::nullopt;
}

std::optional<RemoteAddress> DynamicModule::FindBySysvHash(std::string_view name) const {
  if (sysv_hash_.is_null()) return std::nullopt;
  // Two words (buckets, chains), the buckets, the chains; index 0 ends one.
  const auto header = memory_->ReadValue<std::array<std::uint32_t, 2>>(sysv_hash_);
  if (!header || (*header)[0] == 0) return std::nullopt;
  const RemoteAddress buckets = sysv_hash_ + sizeof(*header);
  const RemoteAddress chains = buckets + std::uint64_t{(*header)[0]} * sizeof(std::uint32_t);
  auto index = memory_->ReadValue<std::uint32_t>(buckets + SysvHash(name) % (*header)[0] * sizeof(std::uint32_t));
  for (std::size_t step = 0; index && *index != 0 && step < kMostChainSteps; ++step) {
    if (const auto found = DefinitionAt(*index, name)) return found;
    index = memory_->ReadValue<std::uint32_t>(chains + std::uint64_t{*index} * sizeof(std::uint32_t));
  }
  return std::nullopt;
}

std::vector<ImportSlot> DynamicModule::FindImports(std::span<const std::string_view> names) const {
  std::vector<ImportSlot> imports;
  AppendImports(jump_relocations_, names, imports);
  AppendImports(relocations_, names, imports);
  return imports;
}

void DynamicModule::AppendImports(const Table& relocations, std::span<const std::string_view> names,
                                  std::vector<ImportSlot>& imports) const {
  auto entries = ReadTable<Elf64_Rela>(*memory_, relocations.begin, relocations.bytes);
  std::erase_if(entries, [](const Elf64_Rela& entry) { return !FunctionOf(entry).has_value(); });
  if (entries.empty()) return;
  std::uint64_t last = 0;
  for (const Elf64_Rela& entry : entries) last = std::max<std::uint64_t>(last, FunctionOf(entry)->symbol);
  const auto symbols = ReadTable<Elf64_Sym>(*memory_, symbols_, (last + 1) * sizeof(Elf64_Sym));
  auto strings = ReadTable<char>(*memory_, strings_.begin, strings_.bytes);
  strings.push_back('\0');
  for (const Elf64_Rela& entry : entries) {
    const LoadedFunction function = *FunctionOf(entry);
    if (function.symbol >= symbols.size() || symbols[function.symbol].st_name >= strings.size()) continue;
    // A module that takes the address of a function of its own imports nothing (ASan's interceptors do).
    if (!function.only_called && symbols[function.symbol].st_shndx != SHN_UNDEF) continue;
    const std::string_view name = &strings[symbols[function.symbol].st_name];
    if (std::ranges::find(names, name) == names.end()) continue;
    imports.push_back({std::string(name), bias_ + entry.r_offset, function.only_called});
  }
}

}  // namespace pyleak::attach
