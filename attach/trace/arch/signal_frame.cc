#include "attach/trace/arch/signal_frame.h"

#include <cpuid.h>
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace pyleak::attach::arch {
namespace {

/// struct ucontext as the kernel lays it out (arch/x86/include/uapi/asm/sigcontext.h and asm-generic/ucontext.h);
/// libc's ucontext_t has a longer signal mask.
struct KernelContext {
  std::uint64_t flags;
  std::uint64_t link;
  std::uint64_t stack_base;
  std::int32_t stack_flags;
  std::int32_t stack_padding;
  std::uint64_t stack_size;
  std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
  std::uint16_t cs, gs, fs, ss;
  std::uint64_t error, trap, old_mask, cr2;
  std::uint64_t vector_state;
  std::uint64_t reserved[8];
  std::uint64_t signal_mask;
};
struct Frame {
  std::uint64_t return_address;
  KernelContext context;
};
static_assert(sizeof(Frame) == 312);

/// UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS, arch/x86/include/uapi/asm/ucontext.h.
constexpr std::uint64_t kContextFlags = 1 | 2 | 4;
/// No valid value of ss_flags: the kernel then leaves the alternate signal stack as it is (do_sigaltstack).
constexpr std::int32_t kKeepAlternateStack = 7;

/// struct _fpx_sw_bytes in the bytes that XSAVE leaves to software, and the word behind the image (sigcontext.h).
struct SoftwareBytes {
  std::uint32_t magic;
  std::uint32_t extended_size;
  std::uint64_t features;
  std::uint32_t state_size;
  std::uint32_t padding[7];
};
constexpr std::size_t kSoftwareBytesAt = 464;
constexpr std::uint32_t kSoftwareMagic = 0x46505853;
constexpr std::uint32_t kEndMagic = 0x46505845;
/// The legacy area and the XSAVE header, whose first word says which components are in use (Intel SDM 1, 13.4).
constexpr std::size_t kXsaveHeaderAt = 512;
constexpr std::size_t kXsaveMinimum = 576;
constexpr std::size_t kXsaveAlignment = 64;

constexpr std::uint64_t kTrapFlag = 0x100;
constexpr std::uint64_t kDirectionFlag = 0x400;
/// A stack argument or a return address is at 8 modulo 16 when a function begins (x86-64 psABI, 3.2.2).
constexpr std::uint64_t kStackAlignment = 16;

/// Where the last component in use ends, by the CPU's own table (CPUID leaf 0xd). ptrace shows room for all that the
/// machine has, but rt_sigreturn refuses an image larger than this thread may have (AMX needs a permission).
std::size_t UsedXsaveBytes(std::uint64_t components) {
  std::size_t end = kXsaveMinimum;
  for (unsigned component = 2; component < 63; ++component) {
    if ((components >> component & 1) == 0) continue;
    unsigned size = 0;
    unsigned offset = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid_count(0xd, component, &size, &offset, &ecx, &edx) != 0) {
      end = std::max<std::size_t>(end, std::size_t{offset} + size);
    }
  }
  return end;
}

template <typename T>
T Load(std::span<const std::byte> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.subspan(at, sizeof(T)).data(), sizeof(T));
  return value;
}

template <typename T>
void Store(std::span<std::byte> bytes, std::size_t at, const T& value) {
  std::memcpy(bytes.subspan(at, sizeof(T)).data(), &value, sizeof(T));
}

KernelContext ContextOf(const user_regs_struct& home, std::uint64_t vector_state, std::uint64_t signal_mask) {
  KernelContext context{};
  context.flags = kContextFlags;
  context.stack_flags = kKeepAlternateStack;
  context.r8 = home.r8;
  context.r9 = home.r9;
  context.r10 = home.r10;
  context.r11 = home.r11;
  context.r12 = home.r12;
  context.r13 = home.r13;
  context.r14 = home.r14;
  context.r15 = home.r15;
  context.rdi = home.rdi;
  context.rsi = home.rsi;
  context.rbp = home.rbp;
  context.rbx = home.rbx;
  context.rdx = home.rdx;
  context.rax = home.rax;
  context.rcx = home.rcx;
  context.rsp = home.rsp;
  context.rip = home.rip;
  context.eflags = home.eflags;
  context.cs = static_cast<std::uint16_t>(home.cs);
  context.ss = static_cast<std::uint16_t>(home.ss);
  context.vector_state = vector_state;
  context.signal_mask = signal_mask;
  return context;
}

NativeRegisters Redirected(const NativeRegisters& from, RemoteAddress stack, RemoteAddress code) {
  NativeRegisters to = from;
  to.raw.rsp = stack.value();
  to.raw.rip = code.value();
  // Outside of any system call: the kernel must not restart what is no call.
  to.raw.orig_rax = ~0ULL;
  // The direction flag is clear when a function begins (psABI).
  to.raw.eflags &= ~kDirectionFlag;
  return to;
}

template <std::size_t N>
void FindPattern(std::span<const std::byte> code, RemoteAddress base, const std::array<unsigned char, N>& pattern,
                 const std::function<bool(RemoteAddress)>& is_fit, RemoteAddress& found) {
  const auto same = [](std::byte byte, unsigned char wanted) { return std::to_integer<unsigned char>(byte) == wanted; };
  for (auto at = code.begin(); found.is_null(); ++at) {
    at = std::search(at, code.end(), pattern.begin(), pattern.end(), same);
    if (at == code.end()) return;
    const RemoteAddress address = base + static_cast<std::uint64_t>(at - code.begin());
    if (is_fit(address)) found = address;
  }
}

}  // namespace

void FindGadgets(std::span<const std::byte> code, RemoteAddress base, const IsUnwoundAs& is_unwound_as,
                 Gadgets& gadgets) {
  constexpr std::array<unsigned char, 3> kSystemCall = {0x0f, 0x05, 0xc3};
  constexpr std::array<unsigned char, 9> kSignalReturn = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
  constexpr std::array<unsigned char, 2> kPopRbx = {0x5b, 0xc3};
  constexpr std::array<unsigned char, 6> kDrop16PopRbx = {0x48, 0x83, 0xc4, 0x10, 0x5b, 0xc3};
  // An unwinder looks a return address up at the byte before it.
  constexpr std::array<FrameAt, 3> kPopRbxFrames = {{{-1, 16}, {0, 16}, {1, 8}}};
  constexpr std::array<FrameAt, 4> kDrop16PopRbxFrames = {{{-1, 32}, {0, 32}, {4, 16}, {5, 8}}};
  const auto any = [](RemoteAddress) { return true; };
  FindPattern(code, base, kSystemCall, any, gadgets.system_call);
  FindPattern(code, base, kSignalReturn, any, gadgets.signal_return);
  const auto unwound_as = [&](std::span<const FrameAt> frames) {
    return [&is_unwound_as, frames](RemoteAddress address) { return is_unwound_as(address, frames); };
  };
  FindPattern(code, base, kPopRbx, unwound_as(kPopRbxFrames), gadgets.pop_rbx);
  FindPattern(code, base, kDrop16PopRbx, unwound_as(kDrop16PopRbxFrames), gadgets.drop16_pop_rbx);
}

bool SignalFrame::PutVectorState(int tid, std::size_t at, std::size_t& size) {
  const std::span<std::byte> image = std::span(image_).subspan(at, kMaxVectorState);
  iovec vector{image.data(), image.size()};
  if (::ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &vector) != 0) return false;
  // Filled to the brim: there may be more.
  if (vector.iov_len < kXsaveMinimum || vector.iov_len + sizeof(kEndMagic) > image.size()) return false;
  size = UsedXsaveBytes(Load<std::uint64_t>(image, kXsaveHeaderAt));
  if (size > vector.iov_len) return false;
  SoftwareBytes software{};
  software.magic = kSoftwareMagic;
  software.extended_size = static_cast<std::uint32_t>(size + sizeof(kEndMagic));
  software.features = Load<std::uint64_t>(image, kSoftwareBytesAt);  // where the kernel puts the features it enabled
  software.state_size = static_cast<std::uint32_t>(size);
  Store(image, kSoftwareBytesAt, software);
  Store(image, size, kEndMagic);
  return true;
}

bool SignalFrame::Build(int tid, const NativeRegisters& home, RemoteAddress signal_return) {
  constexpr std::size_t kVectorStateAt = (sizeof(Frame) + kXsaveAlignment - 1) / kXsaveAlignment * kXsaveAlignment;
  std::size_t vector_bytes = 0;
  std::uint64_t signal_mask = 0;
  if (!PutVectorState(tid, kVectorStateAt, vector_bytes)) return false;
  if (::ptrace(PTRACE_GETSIGMASK, tid, sizeof(signal_mask), &signal_mask) != 0) return false;

  used_ = kVectorStateAt + vector_bytes + sizeof(kEndMagic);
  const RemoteAddress begin((LiveStackBegin(home).value() - used_) / kXsaveAlignment * kXsaveAlignment);
  // The image begins at a multiple of 64; the frame's first word belongs at 8 modulo 16.
  constexpr std::size_t kFrameAt = kStackAlignment - sizeof(std::uint64_t);
  static_assert(kFrameAt + sizeof(Frame) <= kVectorStateAt);
  Store(std::span(image_), kFrameAt,
        Frame{signal_return.value(), ContextOf(home.raw, (begin + kVectorStateAt).value(), signal_mask)});
  std::memmove(image_.data(), image_.data() + kFrameAt, used_ - kFrameAt);
  used_ -= kFrameAt;
  address_ = begin + kFrameAt;
  return true;
}

NativeRegisters EnterSystemCall(const NativeRegisters& from, RemoteAddress frame, RemoteAddress gadget,
                                std::int64_t number, std::span<const std::uint64_t> arguments) {
  NativeRegisters to = Redirected(from, frame, gadget);
  const auto argument = [&](std::size_t i) { return i < arguments.size() ? arguments[i] : 0; };
  to.raw.rax = static_cast<std::uint64_t>(number);
  to.raw.rdi = argument(0);
  to.raw.rsi = argument(1);
  to.raw.rdx = argument(2);
  to.raw.r10 = argument(3);
  to.raw.r8 = argument(4);
  to.raw.r9 = argument(5);
  return to;
}

NativeRegisters EnterFunction(const NativeRegisters& from, RemoteAddress frame, RemoteAddress function) {
  return Redirected(from, frame, function);
}

NativeRegisters EnterSignalReturn(const NativeRegisters& from, RemoteAddress frame, RemoteAddress signal_return) {
  return Redirected(from, frame + sizeof(std::uint64_t), signal_return);
}

bool MayBorrow(const NativeRegisters& stopped, bool own_stop, std::optional<std::chrono::nanoseconds> waited,
               NativeRegisters& home) {
  home = stopped;
  if ((stopped.raw.eflags & kTrapFlag) != 0) return false;
  if (static_cast<std::int64_t>(stopped.raw.orig_rax) < 0) return true;
  switch (static_cast<std::int64_t>(stopped.raw.rax)) {
    case kRestartSys:
    case kRestartNoIntr:
    case kRestartNoHand:
      home = BeforeSystemCall(stopped);
      return true;
    case -EINTR: {
      if (!own_stop) return true;
      // Only waits whose timeout we can keep.
      const auto system_call = static_cast<std::int64_t>(stopped.raw.orig_rax);
      const auto again = ReissueInterruptedCall(stopped, waited);
      if (!again || !IsTimedWait(system_call)) return false;
      home = *again;
      return true;
    }
    case kRestartByBlock: {
      // rt_sigreturn(2) throws the deadline away: only poll(2) has it in its registers too.
      const auto again = ReissuePoll(stopped, waited);
      home = again.value_or(stopped);
      return again.has_value();
    }
    default:
      return true;  // the call is over and about to return
  }
}

}  // namespace pyleak::attach::arch
