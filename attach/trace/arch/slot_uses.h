#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "attach/base/remote_address.h"

namespace pyleak::attach::arch {

/// What code does with an import slot of its module.
struct SlotUses {
  RemoteAddress slot;
  std::size_t jumps = 0;   ///< Calls and jumps through it, which keep nothing of what it holds.
  std::size_t others = 0;  ///< What may have copied it, or only looks like such an instruction.

  [[nodiscard]] bool only_jumps() const { return jumps != 0 && others == 0; }
};

/// An instruction that names a slot and is cut by the end of the code is not seen: of code that is read in pieces,
/// each is to begin so many bytes before the end of the one before it.
constexpr std::size_t kLongestUse = 16;

/// Counts the uses in machine code that lies at `base`. Code of the small and medium models, which are all that
/// compilers make unless told, reaches its slots by a distance from the instruction; of the large model nothing is
/// counted. Nothing is disassembled: whatever might be such an instruction is taken for one.
void CountSlotUses(std::span<const std::byte> code, RemoteAddress base, std::span<SlotUses> slots);

}  // namespace pyleak::attach::arch
