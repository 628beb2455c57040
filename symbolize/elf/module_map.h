#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/base/result.h"
#include "attach/memory/memory_reader.h"
#include "attach/proc/maps.h"
#include "attach/proc/process_identity.h"
#include "symbolize/elf/elf_image.h"

namespace pyleak::symbolize {

/// An ELF file mapped into the target.
struct Module {
  std::string path;  ///< As in /proc/PID/maps; for naming only.
  std::vector<AddressRange> ranges;
  std::uint64_t bias = 0;  ///< Address in the target minus address in the file (wraps).
  std::shared_ptr<const ElfImage> image;
};

/// What an address in the target belongs to. Only files of which a part is mapped executable are opened, and those as
/// the target sees them: /proc/PID/map_files first, then the path in the target's root and in our own, both compared
/// with the beginning of the module in memory; lazily, and kept across Refresh().
class ModuleMap {
 public:
  /// The target need not be stopped. `memory` must outlive the map.
  static Result<ModuleMap> Read(const attach::ProcessIdentity& process, const attach::MemoryReader& memory);
  /// The same over a memory map that has been read.
  static ModuleMap Over(const attach::ProcessIdentity& process, const attach::MemoryReader& memory,
                        attach::MemoryMap map);

  ModuleMap(ModuleMap&&) noexcept;
  ModuleMap& operator=(ModuleMap&&) noexcept;
  ~ModuleMap();

  /// Reads the memory map again; true if anything executable has changed. If it cannot be read (the target has ended),
  /// the old one stays.
  bool Refresh();

  /// Code that no file backs, told by us: where pyleak placed its own agent.
  void AddImage(AddressRange range, std::string path, std::shared_ptr<const ElfImage> image, std::uint64_t bias);

  /// Null for JIT code, data that no file backs, and unmapped addresses. Valid until Refresh() or AddImage().
  [[nodiscard]] const Module* Find(RemoteAddress address) const;
  /// Every module, in order of address. Opens each image.
  [[nodiscard]] std::vector<const Module*> modules() const;
  [[nodiscard]] const attach::MemoryMap& memory_map() const;
  /// Another number after every change of what is executable; for caches of what was derived from it.
  [[nodiscard]] std::uint64_t generation() const;

 private:
  struct State;
  explicit ModuleMap(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pyleak::symbolize
