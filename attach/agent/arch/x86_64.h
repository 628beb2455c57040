/* What the agent needs to know of x86-64. */
#ifndef PYLEAK_ATTACH_AGENT_ARCH_X86_64_H_
#define PYLEAK_ATTACH_AGENT_ARCH_X86_64_H_

#include <stdint.h>

static inline int64_t pyleak_syscall(int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                                     uint64_t f) {
  int64_t result;
  register uint64_t r10 __asm__("r10") = d;
  register uint64_t r8 __asm__("r8") = e;
  register uint64_t r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

/* Tells the threads of a process apart without a system call: the thread control block of glibc and of musl begins
 * with its own address. */
static inline uint64_t pyleak_thread_pointer(void) {
  uint64_t pointer;
  __asm__("mov %%fs:0, %0" : "=r"(pointer));
  return pointer;
}

#endif /* PYLEAK_ATTACH_AGENT_ARCH_X86_64_H_ */
