#include "attach/trace/arch/x86_64.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace pyleak::attach::arch {
namespace {

/// A function may use so many bytes below its stack pointer: x86-64 psABI, 3.2.2.
constexpr std::uint64_t kRedZoneBytes = 128;

/// System calls that the kernel does not restart after a stop although nothing was lost: signal(7), "Interruption of
/// system calls and library functions by stop signals", and fs/eventpoll.c, net/core/sock.c (sock_intr_errno: with a
/// timeout on the socket), fs/select.c (where it cannot store what
/// remains), ipc/sem.c, kernel/signal.c (sigtimedwait), io_uring/io_uring.c, fs/aio.c. Each of them
/// fails with EINTR only before it has done anything, so it can be begun again; a connect(2) goes on with what it had
/// begun.
bool IsHarmlessToReissue(std::int64_t system_call) {
  switch (system_call) {
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_read:
    case SYS_readv:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_write:
    case SYS_writev:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg:
    case SYS_accept:
    case SYS_accept4:
    case SYS_connect:
    case SYS_select:
    case SYS_pselect6:
    case SYS_ppoll:
    case SYS_semop:
    case SYS_semtimedop:
    case SYS_rt_sigtimedwait:
    case SYS_io_uring_enter:
    case SYS_io_getevents:
      return true;
    default:
      return false;
  }
}

/// Rounded up, so that nothing returns before its time; a negative timeout means for ever and stays so.
std::int32_t RemainingTimeout(std::int32_t timeout_ms, std::optional<std::chrono::nanoseconds> waited) {
  if (timeout_ms < 0) return timeout_ms;
  if (!waited) return 0;
  const std::chrono::nanoseconds left = std::chrono::milliseconds(timeout_ms) - std::max(*waited, {});
  return static_cast<std::int32_t>(
      std::max<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(left).count(), 0));
}

/// int timeout: the upper half of the register means nothing.
void ShortenTimeout(unsigned long long& timeout, std::optional<std::chrono::nanoseconds> waited) {
  const std::int32_t left = RemainingTimeout(static_cast<std::int32_t>(timeout), waited);
  timeout = static_cast<std::uint64_t>(static_cast<std::int64_t>(left));
}

}  // namespace

bool ReadRegisters(int tid, NativeRegisters& registers) {
  return ::ptrace(PTRACE_GETREGS, tid, nullptr, &registers.raw) == 0;
}

bool WriteRegisters(int tid, const NativeRegisters& registers) {
  user_regs_struct raw = registers.raw;
  return ::ptrace(PTRACE_SETREGS, tid, nullptr, &raw) == 0;
}

Registers ToRegisters(const NativeRegisters& native) {
  const user_regs_struct& raw = native.raw;
  Registers registers;
  // x86-64 psABI, figure 3.36.
  registers.by_dwarf_number = {raw.rax, raw.rdx, raw.rcx, raw.rbx, raw.rsi, raw.rdi, raw.rbp, raw.rsp, raw.r8,
                               raw.r9,  raw.r10, raw.r11, raw.r12, raw.r13, raw.r14, raw.r15, raw.rip};
  registers.thread_pointer = RemoteAddress(raw.fs_base);
  return registers;
}

NativeRegisters BeforeSystemCall(const NativeRegisters& stopped) {
  NativeRegisters before = stopped;
  before.raw.rip -= kSystemCallBytes;
  before.raw.rax = stopped.raw.orig_rax;
  // No system call any more, or the kernel might restart it a second time.
  before.raw.orig_rax = ~0ULL;
  return before;
}

RemoteAddress LiveStackBegin(const NativeRegisters& native) { return RemoteAddress(native.raw.rsp) - kRedZoneBytes; }

std::optional<ThreadActivity> InterruptedCall(const NativeRegisters& stopped) {
  const user_regs_struct& raw = stopped.raw;
  const auto result = static_cast<std::int64_t>(raw.rax);
  const bool interrupted = result == -EINTR || result == kRestartSys || result == kRestartNoIntr ||
                           result == kRestartNoHand || result == kRestartByBlock;
  ThreadActivity call;
  call.system_call = static_cast<std::int64_t>(raw.orig_rax);
  if (call.system_call < 0 || !interrupted) return std::nullopt;
  call.arguments = {raw.rdi, raw.rsi, raw.rdx, raw.r10, raw.r8, raw.r9};
  call.stack_pointer = RemoteAddress(raw.rsp);
  call.program_counter = RemoteAddress(raw.rip);
  return call;
}

bool WasInterrupted(const NativeRegisters& stopped) {
  // orig_rax is the number of the system call; -1 outside of one.
  return static_cast<std::int64_t>(stopped.raw.orig_rax) >= 0 && static_cast<std::int64_t>(stopped.raw.rax) == -EINTR;
}

bool WasPolling(const NativeRegisters& stopped) {
  return static_cast<std::int64_t>(stopped.raw.orig_rax) == SYS_poll &&
         static_cast<std::int64_t>(stopped.raw.rax) == kRestartByBlock;
}

bool IsTimedWait(std::int64_t system_call) {
  return system_call == SYS_epoll_wait || system_call == SYS_epoll_pwait || system_call == SYS_epoll_pwait2 ||
         system_call == SYS_poll;
}

NativeRegisters WithTimeoutInRegister(int tid, const NativeRegisters& stopped) {
  if (static_cast<std::int64_t>(stopped.raw.orig_rax) != SYS_epoll_pwait2) return stopped;
  std::int64_t timeout_ms = -1;
  if (const auto timespec_at = stopped.raw.r10; timespec_at != 0) {
    errno = 0;
    const long seconds = ::ptrace(PTRACE_PEEKDATA, tid, timespec_at, nullptr);
    const long nanoseconds = ::ptrace(PTRACE_PEEKDATA, tid, timespec_at + sizeof(seconds), nullptr);
    if (errno != 0) return stopped;
    // Longer than an int has milliseconds for: 24 days have to do.
    constexpr long kMostSeconds = std::numeric_limits<std::int32_t>::max() / 1000 - 1;
    timeout_ms = std::min(seconds, kMostSeconds) * 1000 + (nanoseconds + 999'999) / 1'000'000;
  }
  NativeRegisters converted = stopped;
  converted.raw.orig_rax = SYS_epoll_pwait;
  converted.raw.r10 = static_cast<std::uint64_t>(timeout_ms);
  return converted;
}

std::optional<NativeRegisters> ReissueInterruptedCall(const NativeRegisters& stopped,
                                                      std::optional<std::chrono::nanoseconds> waited) {
  const auto system_call = static_cast<std::int64_t>(stopped.raw.orig_rax);
  if (!WasInterrupted(stopped) || !IsHarmlessToReissue(system_call)) return std::nullopt;
  NativeRegisters again = BeforeSystemCall(stopped);
  if (IsTimedWait(system_call)) ShortenTimeout(again.raw.r10, waited);
  return again;
}

std::optional<NativeRegisters> ReissuePoll(const NativeRegisters& stopped,
                                           std::optional<std::chrono::nanoseconds> waited) {
  const bool for_ever = static_cast<std::int32_t>(stopped.raw.rdx) < 0;
  if (!WasPolling(stopped) || !(for_ever || waited)) return std::nullopt;
  NativeRegisters again = BeforeSystemCall(stopped);
  ShortenTimeout(again.raw.rdx, waited);
  return again;
}

}  // namespace pyleak::attach::arch
