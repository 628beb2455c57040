#pragma once

#include <cstdint>
#include <span>

#include "attach/inject/dynamic_module.h"
#include "attach/memory/memory_reader.h"
#include "attach/proc/maps.h"

namespace pyleak::attach {

/// Tells import slots that a program only calls through from those whose contents it may have copied, by the code of
/// the modules that they belong to. Refers to both others.
class CalledSlots {
 public:
  CalledSlots(const MemoryReader& memory, const MemoryMap& map) : memory_(memory), map_(map) {}

  /// Sets `only_called` of the slots of `module` that are filled like data and that its code only calls and jumps
  /// through. They stay as they are where the code cannot be read whole, or is more than is read of all modules.
  void Mark(const DynamicModule& module, std::span<ImportSlot> slots);

 private:
  const MemoryReader& memory_;
  const MemoryMap& map_;
  /// The largest programs known have some 200 MiB of code. Reading as much takes 0.3 s.
  std::uint64_t bytes_left_ = std::uint64_t{512} << 20;
};

}  // namespace pyleak::attach
