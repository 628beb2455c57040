#include "attach/trace/arch/slot_uses.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace pyleak::attach::arch {
namespace {

/// Before each distance there is at least one byte of opcode, and a ModR/M byte whose mod is 00 and whose r/m is 101
/// (Intel SDM, volume 2, 2.2.1.6, RIP-relative addressing).
constexpr std::size_t kOpcodeBytes = 2;
constexpr std::byte kAddressing{0b11'000'111};
constexpr std::byte kRelative{0b00'000'101};
/// `call *distance(%rip)` is ff /2, `jmp *distance(%rip)` ff /4.
constexpr std::byte kIndirect{0xff};
constexpr std::byte kCall{0b00'010'101};
constexpr std::byte kJump{0b00'100'101};

/// The distance is from the end of the instruction, and an immediate operand may lie between.
constexpr std::array<std::uint64_t, 4> kImmediateBytes = {0, 1, 2, 4};

void Note(std::span<const std::byte> code, std::size_t at, RemoteAddress target, SlotUses& uses) {
  const bool is_jump = code[at - 2] == kIndirect && (code[at - 1] == kCall || code[at - 1] == kJump);
  for (const std::uint64_t immediate : kImmediateBytes) {
    if (target + immediate != uses.slot) continue;
    ++(is_jump && immediate == 0 ? uses.jumps : uses.others);
  }
}

}  // namespace

void CountSlotUses(std::span<const std::byte> code, RemoteAddress base, std::span<SlotUses> slots) {
  std::int32_t distance;
  if (slots.empty()) return;
  const auto [lowest, highest] = std::ranges::minmax(slots, {}, &SlotUses::slot);
  const RemoteAddress first = lowest.slot - kImmediateBytes.back();
  const std::uint64_t bytes = highest.slot - first;
  for (std::size_t at = kOpcodeBytes; at + sizeof(distance) <= code.size(); ++at) {
    std::memcpy(&distance, &code[at], sizeof(distance));
    const RemoteAddress target = base + at + sizeof(distance) + static_cast<std::uint64_t>(std::int64_t{distance});
    if (target - first > bytes || (code[at - 1] & kAddressing) != kRelative) continue;
    for (SlotUses& uses : slots) Note(code, at, target, uses);
  }
}

}  // namespace pyleak::attach::arch
