/* The system calls that the agent makes, without a libc and so without errno: each returns what the kernel does, a
 * negative errno included. */
#ifndef PYLEAK_ATTACH_AGENT_SYSTEM_CALLS_H_
#define PYLEAK_ATTACH_AGENT_SYSTEM_CALLS_H_

#include <asm/errno.h>
#include <asm/mman.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <stdint.h>

#include "attach/agent/arch/x86_64.h"

/* The kernel returns -4095 to -1 for errors (include/linux/err.h). */
static inline int pyleak_failed(int64_t result) { return result < 0 && result >= -4095; }

static inline int64_t pyleak_getpid(void) { return pyleak_syscall(__NR_getpid, 0, 0, 0, 0, 0, 0); }
static inline int64_t pyleak_gettid(void) { return pyleak_syscall(__NR_gettid, 0, 0, 0, 0, 0, 0); }
static inline int64_t pyleak_yield(void) { return pyleak_syscall(__NR_sched_yield, 0, 0, 0, 0, 0, 0); }
static inline int64_t pyleak_close(int fd) { return pyleak_syscall(__NR_close, (uint64_t)fd, 0, 0, 0, 0, 0); }

static inline int64_t pyleak_open_shared(const char* path) {
  return pyleak_syscall(__NR_open, (uint64_t)path, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0, 0, 0, 0);
}

static inline int64_t pyleak_map_private(uint64_t bytes) {
  return pyleak_syscall(__NR_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0);
}

static inline int64_t pyleak_map_shared(int fd, uint64_t bytes) {
  return pyleak_syscall(__NR_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, (uint64_t)fd, 0);
}

/* Nothing that lies there already is replaced. Before Linux 4.17 the address is only a wish. */
static inline int64_t pyleak_map_shared_at(uint64_t at, int fd, uint64_t bytes) {
  const int64_t address = pyleak_syscall(__NR_mmap, at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
                                         (uint64_t)fd, 0);
  if (pyleak_failed(address) || (uint64_t)address == at) return address;
  pyleak_syscall(__NR_munmap, (uint64_t)address, bytes, 0, 0, 0, 0);
  return -EEXIST;
}

static inline int64_t pyleak_unmap(uint64_t address, uint64_t bytes) {
  return pyleak_syscall(__NR_munmap, address, bytes, 0, 0, 0, 0);
}

static inline int64_t pyleak_wipe_on_fork(uint64_t address, uint64_t bytes) {
  return pyleak_syscall(__NR_madvise, address, bytes, MADV_WIPEONFORK, 0, 0, 0);
}

static inline int64_t pyleak_protect(uint64_t address, uint64_t bytes, uint32_t protection) {
  return pyleak_syscall(__NR_mprotect, address, bytes, protection, 0, 0, 0);
}

static inline int pyleak_is_writable(uint32_t protection) { return (protection & PROT_WRITE) != 0; }
static inline uint32_t pyleak_writable(uint32_t protection) { return protection | PROT_WRITE; }

/* An anonymous file without a size; its name is what /proc/PID/maps shows. pyleak gives it its size, and seals that. */
static inline int64_t pyleak_create_memory(const char* name) {
  return pyleak_syscall(__NR_memfd_create, (uint64_t)name, MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0, 0, 0);
}

#endif /* PYLEAK_ATTACH_AGENT_SYSTEM_CALLS_H_ */
