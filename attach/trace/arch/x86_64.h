#pragma once

#include <asm/perf_regs.h>
#include <sys/user.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "attach/trace/registers.h"
#include "attach/trace/thread_look.h"

/// All that pyleak knows of x86-64: its registers, and how the kernel hands back an interrupted system call.
namespace pyleak::attach::arch {

/// The length of `syscall`, 0f 05.
constexpr std::uint64_t kSystemCallBytes = 2;

/// EM_X86_64; and the relocations that fill an import slot, R_X86_64_JUMP_SLOT and R_X86_64_GLOB_DAT (psABI, 4.4.1).
constexpr std::uint16_t kElfMachine = 62;
constexpr std::uint32_t kJumpSlotRelocation = 7;
constexpr std::uint32_t kGlobalDataRelocation = 6;

/// What the kernel is asked to note of a thread that makes a system call (perf_event_open(2), sample_regs_user): the
/// call's first argument and the stack pointer, in this order.
constexpr std::uint64_t kPassageRegisters = 1ULL << PERF_REG_X86_DI | 1ULL << PERF_REG_X86_SP;
constexpr std::uint64_t FirstArgumentOf(const std::array<std::uint64_t, 2>& noted) { return noted[0]; }
constexpr std::uint64_t StackPointerOf(const std::array<std::uint64_t, 2>& noted) { return noted[1]; }

/// The registers of a stopped thread as ptrace reads and writes them.
struct NativeRegisters {
  user_regs_struct raw{};
};

/// False when the thread is no longer stopped by us.
bool ReadRegisters(int tid, NativeRegisters& registers);
bool WriteRegisters(int tid, const NativeRegisters& registers);

/// The registers of a thread that is about to begin the system call that it was stopped in.
NativeRegisters BeforeSystemCall(const NativeRegisters& stopped);

Registers ToRegisters(const NativeRegisters& native);

/// Where the part of the stack begins that a function may be using: the red zone below the stack pointer.
RemoteAddress LiveStackBegin(const NativeRegisters& native);

/// Kernel-internal results of a system call that a stop has interrupted, include/linux/errno.h: it is begun again.
constexpr std::int64_t kRestartSys = -512;
constexpr std::int64_t kRestartNoIntr = -513;
constexpr std::int64_t kRestartNoHand = -514;
/// By restart_syscall(2), with a deadline that the kernel keeps for the thread, and forgets at rt_sigreturn(2).
constexpr std::int64_t kRestartByBlock = -516;

/// The system call that the stop has interrupted; std::nullopt: it was in none, or it had come to its end.
std::optional<ThreadActivity> InterruptedCall(const NativeRegisters& stopped);

/// True when the thread was stopped inside a system call that has failed with EINTR, which the program will see.
bool WasInterrupted(const NativeRegisters& stopped);
/// True when it was stopped inside poll(2), which the kernel is about to begin again by restart_syscall(2).
bool WasPolling(const NativeRegisters& stopped);

/// The registers that send a thread, whose system call our stop has interrupted, back into the same call; std::nullopt
/// when the call must be left as it is: it was not interrupted, restarts by itself, or is not one that can be begun
/// again.
///
/// `waited`: for how long the call had been waiting, which shortens a timeout that lies in a register; std::nullopt
/// where nobody knows: such a call then returns at once, rather than too late. Without a timeout it waits on.
std::optional<NativeRegisters> ReissueInterruptedCall(const NativeRegisters& stopped,
                                                      std::optional<std::chrono::nanoseconds> waited);

/// epoll_pwait2(2) differs from epoll_pwait(2) only in that its timeout lies in memory. For a thread that was stopped
/// in the former: the registers that say the same by the latter, in whole milliseconds, never less. Others stay as they
/// are.
NativeRegisters WithTimeoutInRegister(int tid, const NativeRegisters& stopped);

/// True for the waits whose timeout is relative and in a register, or can be put there: how long such a call has waited
/// matters to ReissueInterruptedCall.
bool IsTimedWait(std::int64_t system_call);

/// The same for a thread that WasPolling(): it does without the kernel's restart. std::nullopt: it has a timeout, and
/// nobody knows for how long it `waited`.
std::optional<NativeRegisters> ReissuePoll(const NativeRegisters& stopped,
                                           std::optional<std::chrono::nanoseconds> waited);

}  // namespace pyleak::attach::arch
