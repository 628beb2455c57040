#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace pyleak::symbolize::arch {

/// The trampoline to which a signal handler returns: mov $15, %rax; syscall. Both glibc's and musl's; debuggers know
/// it by these bytes (glibc, sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c).
inline constexpr std::array kSignalReturn = {std::byte{0x48}, std::byte{0xc7}, std::byte{0xc0},
                                             std::byte{0x0f}, std::byte{0},    std::byte{0},
                                             std::byte{0},    std::byte{0x0f}, std::byte{0x05}};

/// A call instruction (Intel SDM volume 2, CALL).
struct Call {
  std::optional<std::int32_t> distance;  ///< From its end to what it calls, where the instruction itself says so.
};
inline constexpr std::size_t kLongestCall = 7;
/// The call that the code ends with, so that its end is where the called function returns to.
std::optional<Call> CallAtEndOf(std::span<const std::byte> code);

}  // namespace pyleak::symbolize::arch
