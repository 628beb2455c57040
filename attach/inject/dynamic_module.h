#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/memory/memory_reader.h"

namespace pyleak::attach {

/// A word in a module through which it calls, or takes the address of, a function of another module.
struct ImportSlot {
  std::string name;
  RemoteAddress address;
  /// JUMP_SLOT: only ever jumped through. Otherwise (GLOB_DAT) the program may have copied what it holds, unless its
  /// code tells (CalledSlots).
  bool only_called = false;
};

/// What the dynamic linker knows of one loaded ELF file, read from the memory of the process and not from the file.
/// The memory is the target's: lengths and chains are bounded, and what cannot be true yields nothing.
class DynamicModule {
 public:
  /// `bias`: what was added to the file's addresses. `dynamic`: where its PT_DYNAMIC lies. `memory` must outlive this.
  static std::optional<DynamicModule> Parse(const MemoryReader& memory, RemoteAddress bias, RemoteAddress dynamic);
  /// Of a module whose ELF header and program headers are mapped at `header`.
  static std::optional<DynamicModule> ParseAt(const MemoryReader& memory, RemoteAddress header);

  [[nodiscard]] RemoteAddress bias() const { return bias_; }
  [[nodiscard]] RemoteAddress dynamic() const { return dynamic_; }
  /// r_debug of the dynamic linker (DT_DEBUG); null in all but the executable.
  [[nodiscard]] RemoteAddress debug() const { return debug_; }

  /// The index of its unwind tables (PT_GNU_EH_FRAME); null if there is none, and unless it was made by ParseAt.
  [[nodiscard]] RemoteAddress unwind_index() const { return unwind_index_; }

  /// Where a symbol is that the module itself defines.
  [[nodiscard]] std::optional<RemoteAddress> FindDefinition(std::string_view name) const;
  [[nodiscard]] std::vector<ImportSlot> FindImports(std::span<const std::string_view> names) const;

 private:
  struct Table {
    RemoteAddress begin;
    std::uint64_t bytes = 0;
  };

  DynamicModule(const MemoryReader& memory, RemoteAddress bias, RemoteAddress dynamic)
      : memory_(&memory), bias_(bias), dynamic_(dynamic) {}

  [[nodiscard]] RemoteAddress Relocated(std::uint64_t pointer) const;
  void Take(std::int64_t tag, std::uint64_t value);
  [[nodiscard]] std::optional<RemoteAddress> DefinitionAt(std::uint64_t index, std::string_view name) const;
  [[nodiscard]] std::optional<RemoteAddress> FindByGnuHash(std::string_view name) const;
  [[nodiscard]] std::optional<RemoteAddress> FindBySysvHash(std::string_view name) const;
  void AppendImports(const Table& relocations, std::span<const std::string_view> names,
                     std::vector<ImportSlot>& imports) const;

  const MemoryReader* memory_;
  RemoteAddress bias_;
  RemoteAddress dynamic_;
  RemoteAddress debug_;
  RemoteAddress unwind_index_;
  RemoteAddress symbols_;
  Table strings_;
  Table jump_relocations_;
  Table relocations_;
  RemoteAddress gnu_hash_;
  RemoteAddress sysv_hash_;
};

}  // namespace pyleak::attach
