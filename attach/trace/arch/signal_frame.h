#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "attach/base/remote_address.h"
#include "attach/trace/arch/x86_64.h"

namespace pyleak::attach::arch {

/// Code in the target's libc that its threads are led through. None of it is written by us.
struct Gadgets {
  RemoteAddress system_call;    ///< `syscall; ret`
  RemoteAddress signal_return;  ///< libc's own: `mov $15, %rax; syscall`, where a signal handler returns to.
  /// Ends of functions that pop %rbx, and the latter before it 16 bytes of stack: the ways out of the agent's stubs.
  /// Null: there is none that an unwinder would find its way through.
  RemoteAddress pop_rbx;
  RemoteAddress drop16_pop_rbx;

  [[nodiscard]] bool can_borrow() const { return !system_call.is_null() && !signal_return.is_null(); }
  [[nodiscard]] bool complete() const { return can_borrow() && !pop_rbx.is_null() && !drop16_pop_rbx.is_null(); }
};

/// What unwind tables must say at `at` bytes from the begin of a gadget: the frame has so many bytes, the return
/// address among them, and below that %rbx.
struct FrameAt {
  std::int64_t at;
  std::uint64_t bytes;
};
using IsUnwoundAs = std::function<bool(RemoteAddress gadget, std::span<const FrameAt> frames)>;

/// Takes each gadget that is still missing from executable code, which lies at `base`. A cancelled thread may be
/// unwound through a way out, so `is_unwound_as` is asked about it.
void FindGadgets(std::span<const std::byte> code, RemoteAddress base, const IsUnwoundAs& is_unwound_as,
                 Gadgets& gadgets);

/// The way home of a borrowed thread: what the kernel would have pushed for a signal, so that rt_sigreturn(2) restores
/// every register, the vector state and the signal mask, whether or not we are still there.
class SignalFrame {
 public:
  /// Reads what is needed of a stopped thread. `home`: the registers it shall have in the end. False when the kernel
  /// does not tell, or has more state than there is room for.
  bool Build(int tid, const NativeRegisters& home, RemoteAddress signal_return);

  /// Where the frame must be written, below `home`'s red zone: its first word is the return address of what runs first.
  [[nodiscard]] RemoteAddress address() const { return address_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return std::span(image_).first(used_); }

 private:
  /// An XSAVE image is 2.7 KiB with AVX-512 and 11 KiB with AMX.
  static constexpr std::size_t kMaxVectorState = 16384;

  bool PutVectorState(int tid, std::size_t at, std::size_t& size);

  std::array<std::byte, kMaxVectorState + 2048> image_{};
  std::size_t used_ = 0;
  RemoteAddress address_;
};

/// Words from the return address of a signal handler to the program counter that it interrupted, in the frame that the
/// kernel has pushed: 8 bytes of address, 40 before the sigcontext, 16 registers.
constexpr std::size_t kSignalFrameCounterAt = (8 + 40 + 16 * 8) / 8;

/// How far below the stack pointer a frame may reach, and a function that is called with it.
constexpr std::uint64_t kSignalFrameReach = 32768;

/// A thread that begins a system call, or a function without arguments, and then goes home by the frame at `frame`.
NativeRegisters EnterSystemCall(const NativeRegisters& from, RemoteAddress frame, RemoteAddress gadget,
                                std::int64_t number, std::span<const std::uint64_t> arguments);
NativeRegisters EnterFunction(const NativeRegisters& from, RemoteAddress frame, RemoteAddress function);
/// Straight home.
NativeRegisters EnterSignalReturn(const NativeRegisters& from, RemoteAddress frame, RemoteAddress signal_return);

/// The number of rt_sigreturn(2).
constexpr std::uint64_t kSignalReturnCall = 15;

/// Whether a thread that was stopped with these registers may run something else first. `home`: the registers with
/// which it goes on as if nothing had been, even when nobody restarts its system call. `own_stop`: we have stopped it,
/// and not somebody's signal, whose EINTR is the program's own; `waited` as in ReissueInterruptedCall. False for one
/// that is single-stepped, or in a system call that would lose its timeout.
bool MayBorrow(const NativeRegisters& stopped, bool own_stop, std::optional<std::chrono::nanoseconds> waited,
               NativeRegisters& home);

}  // namespace pyleak::attach::arch
