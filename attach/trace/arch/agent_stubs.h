#pragma once

#include <cstdint>

/// How far below PyleakSlot.stack_pointer a waiting thread's return address into the agent's stub lies: see the picture
/// in attach/agent/arch/x86_64_stubs.S.
namespace pyleak::attach::arch {

/// Above it only the caller's %rbx.
constexpr std::uint64_t kStubReturnDepth = 16;
/// syscall(2): also padding and the seventh argument.
constexpr std::uint64_t kSystemCallStubReturnDepth = 32;

}  // namespace pyleak::attach::arch
