#include "attach/inject/loaded_modules.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "attach/base/file.h"
#include "attach/proc/living_thread.h"
#include "attach/trace/arch/x86_64.h"

namespace pyleak::attach {
namespace {

constexpr std::size_t kMostModules = 4096;
constexpr std::uint64_t kMostProgramHeaders = 64;

/// struct r_debug and struct link_map of the System V ABI, which glibc and musl share (link.h), as they lie in memory.
struct DebugState {
  std::int32_t version;
  std::uint32_t padding;
  std::uint64_t first_module;
  std::uint64_t breakpoint;
  std::int32_t state;  // 0: RT_CONSISTENT
  std::uint32_t padding2;
  std::uint64_t linker_base;
};
struct ModuleEntry {
  std::uint64_t bias;
  std::uint64_t name;
  std::uint64_t dynamic;
  std::uint64_t next;
  std::uint64_t previous;
};

Result<void> CheckArchitecture(const ProcessIdentity& process) {
  const auto file = OpenFile(SharedProcPath(process.pid(), "exe"), O_RDONLY);
  if (!file) return file.error();
  Elf64_Ehdr header{};
  if (::pread(file->get(), &header, sizeof(header), 0) != static_cast<ssize_t>(sizeof(header)) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_machine != arch::kElfMachine) {
    return Error{ErrorCode::kWrongArchitecture, "not a 64-bit x86 program"};
  }
  return {};
}

struct Program {
  std::optional<DynamicModule> module;
  bool has_interpreter = false;
  bool readable = false;
};

Program ReadProgram(const MemoryReader& memory, const AuxiliaryVector& auxiliary) {
  Program program;
  std::vector<Elf64_Phdr> segments(std::min(auxiliary.program_header_count, kMostProgramHeaders));
  segments.resize(memory.Read(auxiliary.program_headers, std::as_writable_bytes(std::span(segments))) /
                  sizeof(Elf64_Phdr));
  const auto find = [&](std::uint32_t type) {
    const auto found = std::ranges::find(segments, type, &Elf64_Phdr::p_type);
    return found == segments.end() ? std::nullopt : std::optional(*found);
  };
  program.readable = !segments.empty();
  program.has_interpreter = find(PT_INTERP).has_value();
  const auto own = find(PT_PHDR);
  const auto dynamic = find(PT_DYNAMIC);
  if (!own || !dynamic) return program;
  const RemoteAddress bias = auxiliary.program_headers - own->p_vaddr;
  program.module = DynamicModule::Parse(memory, bias, bias + dynamic->p_vaddr);
  return program;
}

std::vector<DynamicModule> ReadLinkMap(const MemoryReader& memory, RemoteAddress debug, RemoteAddress vdso) {
  std::vector<DynamicModule> modules;
  const auto state = debug.is_null() ? std::nullopt : memory.ReadValue<DebugState>(debug);
  if (!state) return modules;
  RemoteAddress next(state->first_module);
  for (std::size_t i = 0; i < kMostModules && !next.is_null(); ++i) {
    const auto entry = memory.ReadValue<ModuleEntry>(next);
    if (!entry) break;
    next = RemoteAddress(entry->next);
    // The vDSO is in the list, but no symbol is looked for in it.
    if (!vdso.is_null() && RemoteAddress(entry->bias) == vdso) continue;
    auto module = DynamicModule::Parse(memory, RemoteAddress(entry->bias), RemoteAddress(entry->dynamic));
    if (module) modules.push_back(*module);
  }
  return modules;
}

std::vector<DynamicModule> ReadMappedModules(const MemoryReader& memory, const MemoryMap& map) {
  std::vector<DynamicModule> modules;
  for (const Mapping& mapping : map.mappings()) {
    if (mapping.inode == 0 || mapping.file_offset != 0 || !mapping.readable || mapping.writable) continue;
    if (modules.size() == kMostModules) break;
    if (auto module = DynamicModule::ParseAt(memory, mapping.range.begin)) modules.push_back(*module);
  }
  return modules;
}

}  // namespace

AuxiliaryVector ParseAuxiliaryVector(std::string_view bytes) {
  AuxiliaryVector auxiliary;
  for (; bytes.size() >= sizeof(Elf64_auxv_t); bytes.remove_prefix(sizeof(Elf64_auxv_t))) {
    Elf64_auxv_t entry;
    std::memcpy(&entry, bytes.data(), sizeof(entry));
    if (entry.a_type == AT_PHDR) auxiliary.program_headers = RemoteAddress(entry.a_un.a_val);
    if (entry.a_type == AT_PHNUM) auxiliary.program_header_count = entry.a_un.a_val;
    if (entry.a_type == AT_SECURE) auxiliary.secure = entry.a_un.a_val != 0;
    if (entry.a_type == AT_SYSINFO_EHDR) auxiliary.vdso = RemoteAddress(entry.a_un.a_val);
  }
  return auxiliary;
}

AuxiliaryVector ReadAuxiliaryVector(const ProcessIdentity& process) {
  const auto bytes = ReadTextFile(SharedProcPath(process.pid(), "auxv"));
  return bytes.ok() ? ParseAuxiliaryVector(*bytes) : AuxiliaryVector();
}

Result<LoadedModules> LoadedModules::Read(const ProcessIdentity& process, const MemoryReader& memory,
                                          const MemoryMap& map) {
  if (auto known = CheckArchitecture(process); !known) return std::move(known).error();
  return Parse(ReadAuxiliaryVector(process), memory, map);
}

Result<LoadedModules> LoadedModules::Parse(const AuxiliaryVector& auxiliary, const MemoryReader& memory,
                                           const MemoryMap& map) {
  const Program program = ReadProgram(memory, auxiliary);
  auto modules =
      program.module ? ReadLinkMap(memory, program.module->debug(), auxiliary.vdso) : std::vector<DynamicModule>();
  if (modules.size() < 2) modules = ReadMappedModules(memory, map);
  if (!program.readable) {
    return Error{ErrorCode::kNoSuchProcess, "the program cannot be read: it ends or begins another one at this moment"};
  }
  // A program that is linked statically is its own and only module; what it may load itself has no import of it.
  if (modules.size() < 2 && !program.has_interpreter) {
    return Error{ErrorCode::kStaticProgram, "the program is statically linked, so its calls cannot be redirected"};
  }
  auto vdso = auxiliary.vdso.is_null() ? std::nullopt : DynamicModule::ParseAt(memory, auxiliary.vdso);
  return LoadedModules(std::move(modules), vdso);
}

std::optional<RemoteAddress> LoadedModules::FindDefinition(std::string_view name) const {
  for (const DynamicModule& module : modules_) {
    if (const auto found = module.FindDefinition(name)) return found;
  }
  return std::nullopt;
}

std::optional<RemoteAddress> LoadedModules::FindClock() const {
  if (vdso_) {
    if (const auto found = vdso_->FindDefinition("__vdso_clock_gettime")) return found;
  }
  return FindDefinition("clock_gettime");
}

ModuleListWatch ModuleListWatch::Over(const ProcessIdentity& process, const MemoryReader& memory) {
  return Over(ReadAuxiliaryVector(process), memory);
}

ModuleListWatch ModuleListWatch::Over(const AuxiliaryVector& auxiliary, const MemoryReader& memory) {
  const Program program = ReadProgram(memory, auxiliary);
  return ModuleListWatch(program.module ? program.module->debug() : RemoteAddress());
}

std::optional<std::uint64_t> ModuleListWatch::Fingerprint(const MemoryReader& memory) const {
  const auto state = debug_.is_null() ? std::nullopt : memory.ReadValue<DebugState>(debug_);
  if (!state || state->state != 0) return std::nullopt;
  std::uint64_t fingerprint = 0;
  RemoteAddress next(state->first_module);
  for (std::size_t i = 0; i < kMostModules && !next.is_null(); ++i) {
    const auto entry = memory.ReadValue<ModuleEntry>(next);
    if (!entry) break;
    // FNV-1a over the addresses.
    fingerprint = ((fingerprint ^ next.value()) * 0x100000001b3U ^ entry->bias) * 0x100000001b3U;
    next = RemoteAddress(entry->next);
  }
  return fingerprint;
}

}  // namespace pyleak::attach
