/* A 32-bit program without a libc, so that no 32-bit library is needed to build it: says "ready" and waits. */
static long SystemCall3(long number, long first, long second, long third) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second), "d"(third) : "memory");
  return result;
}

void _start(void) {
  enum { kRead = 3, kWrite = 4, kExit = 1, kGetpid = 20 }; /* arch/x86/entry/syscalls/syscall_32.tbl */
  static const char text[] = "{\"event\": \"ready\", \"loop\": null}\n";
  char byte;
  SystemCall3(kWrite, 1, (long)text, sizeof text - 1);
  while (SystemCall3(kRead, 0, (long)&byte, 1) > 0) continue;
  SystemCall3(kExit, 0, 0, 0);
}
