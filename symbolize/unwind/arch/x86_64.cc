#include "symbolize/unwind/arch/x86_64.h"

#include <algorithm>
#include <cstring>

namespace pyleak::symbolize::arch {
namespace {

constexpr std::size_t kDirectCallBytes = 5;
/// Through a register, or memory with each form of an address.
constexpr std::array<std::size_t, 5> kIndirectCallBytes = {2, 3, 4, 6, 7};

}  // namespace

std::optional<Call> CallAtEndOf(std::span<const std::byte> code) {
  if (code.size() >= kDirectCallBytes && code[code.size() - kDirectCallBytes] == std::byte{0xe8}) {
    std::int32_t distance = 0;
    std::memcpy(&distance, &code[code.size() - sizeof distance], sizeof distance);
    return Call{distance};
  }
  const auto ends_in = [code](std::size_t bytes) {
    if (code.size() < bytes || code[code.size() - bytes] != std::byte{0xff}) return false;
    const auto form = std::to_integer<unsigned>(code[code.size() - bytes + 1]);
    return (form >> 3 & 7U) == 2;  // 0xff is seven instructions; the third one of them is the call
  };
  return std::ranges::any_of(kIndirectCallBytes, ends_in) ? std::optional(Call{std::nullopt}) : std::nullopt;
}

}  // namespace pyleak::symbolize::arch
