/* A loop in plain C, to be built with other C libraries and runtimes: iterations of some milliseconds, three or as many
 * as the argument says, and then its pid on stdout. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 3;
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i <= count; ++i) {
    struct epoll_event event;
    if (epoll_wait(epoll, &event, 1, 1) < 0) return 1;
    const struct timespec block = {.tv_nsec = 2000000};
    nanosleep(&block, NULL);
  }
  return printf("%d\n", (int)getpid()) < 0;
}
