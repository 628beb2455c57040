#include "attach/trace/arch/slot_uses.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

namespace pyleak::attach::arch {
namespace {

constexpr RemoteAddress kBase(0x555555554000);
constexpr RemoteAddress kSlot(0x555555600040);

/// Code that is put together piece by piece, from machine code as GNU as makes it.
class Code {
 public:
  /// An instruction: what comes before the distance to `slot`, and behind that an immediate operand.
  Code& Add(std::vector<int> opcode, RemoteAddress slot, std::vector<int> immediate = {}) {
    for (const int byte : opcode) bytes_.push_back(std::byte(byte));
    const RemoteAddress end = kBase + bytes_.size() + sizeof(std::uint32_t) + immediate.size();
    const auto distance = static_cast<std::uint32_t>(slot - end);
    const auto at = bytes_.size();
    bytes_.resize(at + sizeof(distance));
    std::memcpy(&bytes_[at], &distance, sizeof(distance));
    for (const int byte : immediate) bytes_.push_back(std::byte(byte));
    return *this;
  }
  Code& Call(RemoteAddress slot = kSlot) { return Add({0xff, 0x15}, slot); }
  Code& Jump(RemoteAddress slot = kSlot) { return Add({0xff, 0x25}, slot); }
  Code& Fill(std::size_t bytes) {
    bytes_.resize(bytes_.size() + bytes, std::byte{0x90});
    return *this;
  }

  [[nodiscard]] SlotUses Uses() const {
    std::array<SlotUses, 1> uses = {{{kSlot}}};
    CountSlotUses(bytes_, kBase, uses);
    return uses[0];
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

TEST(SlotUses, AreOnlyJumpsWhereCodeCallsAndJumps) {
  EXPECT_TRUE(Code().Fill(3).Call().Fill(100).Jump().Call().Uses().only_jumps());
  EXPECT_EQ(Code().Call().Jump().Call().Uses().jumps, 3U);
  EXPECT_TRUE(Code().Add({0xf2, 0xff, 0x25}, kSlot).Uses().only_jumps()) << "bnd jmp";
  EXPECT_TRUE(Code().Add({0x3e, 0xff, 0x25}, kSlot).Uses().only_jumps()) << "notrack jmp";
}

TEST(SlotUses, AreNotOnlyJumpsWithoutAny) {
  EXPECT_FALSE(Code().Uses().only_jumps());
  EXPECT_FALSE(Code().Fill(100).Uses().only_jumps());
  EXPECT_FALSE(Code().Call(kSlot + 8).Jump(kSlot - 8).Uses().only_jumps());
}

TEST(SlotUses, AreNotOnlyJumpsWhereAnythingElseIsDone) {
  const struct {
    const char* name;
    std::vector<int> opcode;
    std::vector<int> immediate;
  } kOthers[] = {{"mov slot(%rip), %r14", {0x4c, 0x8b, 0x35}, {}},
                 {"mov slot(%rip), %edx", {0x8b, 0x15}, {}},
                 {"lea slot(%rip), %rax", {0x48, 0x8d, 0x05}, {}},
                 {"push slot(%rip)", {0xff, 0x35}, {}},
                 {"movups slot(%rip), %xmm0", {0x0f, 0x10, 0x05}, {}},
                 {"cmpq $0, slot(%rip)", {0x48, 0x83, 0x3d}, {0}},
                 {"imul $0x1234, slot(%rip), %ax", {0x66, 0x69, 0x05}, {0x34, 0x12}},
                 {"cmpq $0x12345678, slot(%rip)", {0x48, 0x81, 0x3d}, {0x78, 0x56, 0x34, 0x12}}};
  for (const auto& other : kOthers) {
    const SlotUses uses = Code().Call().Add(other.opcode, kSlot, other.immediate).Jump().Uses();
    EXPECT_FALSE(uses.only_jumps()) << other.name;
    EXPECT_EQ(uses.jumps, 2U) << other.name;
    EXPECT_EQ(uses.others, 1U) << other.name;
  }
}

TEST(SlotUses, AreToldApartBySlot) {
  const Code code = Code().Call().Add({0x4c, 0x8b, 0x35}, kSlot + 8).Jump(kSlot + 16);
  std::array<SlotUses, 3> uses = {{{kSlot + 16}, {kSlot}, {kSlot + 8}}};
  CountSlotUses(code.bytes(), kBase, uses);
  EXPECT_TRUE(uses[0].only_jumps());
  EXPECT_TRUE(uses[1].only_jumps());
  EXPECT_FALSE(uses[2].only_jumps());
}

/// However the code is cut, as long as the pieces overlap: nothing is missed, and no call is taken for something else.
TEST(SlotUses, AreSeenInPieces) {
  const Code code = Code().Call().Fill(40).Call().Add({0x48, 0x81, 0x3d}, kSlot, {1, 2, 3, 4}).Fill(40);
  const Code calls = Code().Call().Fill(40).Jump().Fill(40);
  for (std::size_t cut = kLongestUse; cut < calls.bytes().size(); ++cut) {
    for (const Code* whole : {&code, &calls}) {
      std::array<SlotUses, 1> uses = {{{kSlot}}};
      const std::size_t second = cut - kLongestUse;
      CountSlotUses(whole->bytes().first(cut), kBase, uses);
      CountSlotUses(whole->bytes().subspan(second), kBase + second, uses);
      EXPECT_EQ(uses[0].only_jumps(), whole == &calls) << "cut at " << cut;
    }
  }
}

TEST(SlotUses, AreSoughtInWhateverBytesThereAre) {
  for (std::size_t bytes = 0; bytes < 32; ++bytes) EXPECT_FALSE(Code().Fill(bytes).Uses().only_jumps());
  std::array<SlotUses, 2> uses = {{{RemoteAddress(0)}, {RemoteAddress(~std::uint64_t{0})}}};
  CountSlotUses(Code().Call().Fill(100).bytes(), RemoteAddress(~std::uint64_t{0} - 50), uses);
  CountSlotUses(Code().Call().bytes(), kBase, {});
}

}  // namespace
}  // namespace pyleak::attach::arch
