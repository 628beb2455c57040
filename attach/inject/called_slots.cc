#include "attach/inject/called_slots.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "attach/trace/arch/slot_uses.h"

namespace pyleak::attach {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

/// From the first to the last mapping of the module's file. Whatever else lies between is taken for its own: a program
/// may have moved its code to larger pages.
AddressRange Extent(const MemoryMap& map, const DynamicModule& module) {
  const Mapping* own = map.Find(module.dynamic());
  if (own == nullptr || own->inode == 0) return {};
  AddressRange extent = own->range;
  for (const Mapping& mapping : map.mappings()) {
    if (mapping.inode != own->inode || mapping.path != own->path) continue;
    extent = {std::min(extent.begin, mapping.range.begin), std::max(extent.end, mapping.range.end)};
  }
  return extent;
}

/// False where the code cannot be read whole.
bool CountUses(const MemoryReader& memory, const AddressRange& code, std::span<arch::SlotUses> uses) {
  std::vector<std::byte> piece(std::min<std::uint64_t>(code.size_bytes(), kPieceBytes));
  for (RemoteAddress at = code.begin;; at = at + piece.size() - arch::kLongestUse) {
    piece.resize(std::min<std::uint64_t>(code.end - at, piece.size()));
    if (memory.Read(at, piece) != piece.size()) return false;
    arch::CountSlotUses(piece, at, uses);
    if (at + piece.size() == code.end) return true;
  }
}

}  // namespace

void CalledSlots::Mark(const DynamicModule& module, std::span<ImportSlot> slots) {
  std::vector<arch::SlotUses> uses;
  for (const ImportSlot& slot : slots) {
    if (!slot.only_called) uses.push_back({slot.address});
  }
  if (uses.empty()) return;
  const AddressRange extent = Extent(map_, module);
  for (const Mapping& mapping : map_.mappings()) {
    if (!mapping.executable || !extent.Contains(mapping.range.begin)) continue;
    if (mapping.range.size_bytes() > bytes_left_) return;
    bytes_left_ -= mapping.range.size_bytes();
    if (!CountUses(memory_, mapping.range, uses)) return;
  }
  for (ImportSlot& slot : slots) {
    const auto use = std::ranges::find(uses, slot.address, &arch::SlotUses::slot);
    if (use != uses.end() && use->only_jumps()) slot.only_called = true;
  }
}

}  // namespace pyleak::attach
