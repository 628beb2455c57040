#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "attach/base/result.h"
#include "attach/inject/dynamic_module.h"
#include "attach/memory/memory_reader.h"
#include "attach/proc/maps.h"
#include "attach/proc/process_identity.h"

namespace pyleak::attach {

/// The entries of the auxiliary vector (getauxval(3)) that lead to a program's modules.
struct AuxiliaryVector {
  RemoteAddress program_headers;
  std::uint64_t program_header_count = 0;
  RemoteAddress vdso;
  bool secure = false;  ///< Secure execution (ld.so(8)): the program has other rights than who started it.
};
AuxiliaryVector ParseAuxiliaryVector(std::string_view bytes);
AuxiliaryVector ReadAuxiliaryVector(const ProcessIdentity& process);

/// What the target has loaded, in the order in which its dynamic linker looks for symbols.
class LoadedModules {
 public:
  /// From the dynamic linker's own list, and where that cannot be read, from the memory map. `memory` must outlive
  /// this. kStaticProgram: there is no dynamic linker. kWrongArchitecture: not a 64-bit x86 program.
  static Result<LoadedModules> Read(const ProcessIdentity& process, const MemoryReader& memory, const MemoryMap& map);
  static Result<LoadedModules> Parse(const AuxiliaryVector& auxiliary, const MemoryReader& memory,
                                     const MemoryMap& map);

  [[nodiscard]] const std::vector<DynamicModule>& modules() const { return modules_; }
  /// The first definition of a symbol, as the dynamic linker would bind it.
  [[nodiscard]] std::optional<RemoteAddress> FindDefinition(std::string_view name) const;
  /// int clock_gettime(clockid_t, struct timespec*) of the vDSO, or else of libc.
  [[nodiscard]] std::optional<RemoteAddress> FindClock() const;

 private:
  LoadedModules(std::vector<DynamicModule> modules, std::optional<DynamicModule> vdso)
      : modules_(std::move(modules)), vdso_(vdso) {}

  std::vector<DynamicModule> modules_;
  std::optional<DynamicModule> vdso_;
};

/// Changes whenever the target loads or unloads a module; cheap to ask for. std::nullopt while it is doing so.
class ModuleListWatch {
 public:
  static ModuleListWatch Over(const ProcessIdentity& process, const MemoryReader& memory);
  static ModuleListWatch Over(const AuxiliaryVector& auxiliary, const MemoryReader& memory);
  [[nodiscard]] std::optional<std::uint64_t> Fingerprint(const MemoryReader& memory) const;
  /// False where the target has no such list, or none yet.
  [[nodiscard]] bool exists() const { return !debug_.is_null(); }

 private:
  explicit ModuleListWatch(RemoteAddress debug) : debug_(debug) {}

  RemoteAddress debug_;
};

}  // namespace pyleak::attach
