// A library that copies the addresses of functions, as code in Rust does, though mostly into registers.
#include <poll.h>
#include <unistd.h>

void* volatile kept_functions[2];

__attribute__((constructor)) static void KeepFunctions(void) {
  kept_functions[0] = (void*)poll;
  kept_functions[1] = (void*)syscall;
}
