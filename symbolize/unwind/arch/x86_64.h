#pragma once

#include <array>
#include <cstddef>

namespace pyleak::symbolize::arch {

/// The trampoline to which a signal handler returns: mov $15, %rax; syscall. Both glibc's and musl's; debuggers know
/// it by these bytes (glibc, sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c).
constexpr std::array kSignalReturn = {std::byte{0x48}, std::byte{0xc7}, std::byte{0xc0}, std::byte{0x0f}, std::byte{0},
                                      std::byte{0},    std::byte{0},    std::byte{0x0f}, std::byte{0x05}};

}  // namespace pyleak::symbolize::arch
