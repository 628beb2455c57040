// An epoll loop of the kind that no tool may touch carelessly. It aborts when a wait returns EINTR, when its alternate
// signal stack has changed, and when a vector register, the rounding mode or the flags lose their value while it
// computes, which it does half of the time. With an argument it counts the EINTRs instead.
#include <immintrin.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "tests/targets/native/blocks.h"
#include "tests/targets/native/control.h"

namespace {

using pyleak::targets::Control;
using pyleak::targets::Now;

/// The sixteen vector registers, the AVX halves included.
using VectorRegisters = std::array<std::array<std::uint64_t, 4>, 16>;

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "fragile_loop: %s\n", what);
  std::abort();
}

/// Loads `in` into ymm0 to ymm15, spins, and stores them to `out`.
[[gnu::target("avx"), gnu::noinline]] void SpinWithRegisters(const VectorRegisters& in, VectorRegisters& out) {
  constexpr long kSpins = 1'000'000;  // About a third of a millisecond.
  asm volatile(
      ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"
      "vmovdqu (\\n * 32)(%[in]), %%ymm\\n\n\t"
      ".endr\n\t"
      "mov %[spins], %%rcx\n"
      "1: dec %%rcx\n\t"
      "jnz 1b\n\t"
      ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"
      "vmovdqu %%ymm\\n, (\\n * 32)(%[out])\n\t"
      ".endr\n\t"
      "vzeroupper"
      :
      : [in] "r"(in.data()), [out] "r"(out.data()), [spins] "i"(kSpins)
      : "rcx", "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

void CheckRegisters() {
  VectorRegisters in;
  std::uint64_t value = static_cast<std::uint64_t>(Now());
  for (auto& vector : in) std::generate(vector.begin(), vector.end(), [&] { return value *= 6364136223846793005; });
  const unsigned control_word = _mm_getcsr();
  VectorRegisters out = {};
  SpinWithRegisters(in, out);
  if (in != out) Fail("a vector register has changed");
  if (_mm_getcsr() != control_word) Fail("the floating point control word has changed");
}

void CheckSignalStack(const void* expected) {
  stack_t current = {};
  sigaltstack(nullptr, &current);
  if (current.ss_sp != expected) Fail("the alternate signal stack has changed");
}

void Run(Control& control, const void* signal_stack, bool bears_interruption) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {EPOLLIN, {}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, control.input(), &event);
  control.SayReady("generic");
  while (true) {
    errno = 0;
    const int result = epoll_wait(epoll, &event, 1, 1);
    if (bears_interruption && result < 0 && errno == EINTR) {
      control.CountWait(result, 0, 0);
      continue;
    }
    if (result < 0) Fail(errno == EINTR ? "a wait was interrupted" : "a wait failed");
    if (errno != 0) Fail("errno has changed");
    CheckSignalStack(signal_stack);
    CheckRegisters();
    control.CountWork();
    if (result > 0 && !control.Obey()) return;
  }
}

}  // namespace

int main(int argc, char**) {
  if (!__builtin_cpu_supports("avx")) Fail("this CPU has no AVX");
  static std::array<char, 65536> memory;
  const stack_t signal_stack = {memory.data(), 0, memory.size()};
  sigaltstack(&signal_stack, nullptr);
  _mm_setcsr(_mm_getcsr() | _MM_FLUSH_ZERO_ON);  // Other than the default, which a careless restore would bring back.
  Control control(STDIN_FILENO);
  Run(control, memory.data(), argc > 1);
  return 0;
}
