// A loop that keeps the address of epoll_wait for a while before it calls it, as a table of functions does: what it
// calls is what it was told two thirds of a second ago.
#include <sys/epoll.h>
#include <unistd.h>

#include <cstddef>

#include "tests/targets/native/blocks.h"
#include "tests/targets/native/control.h"

int main() {
  constexpr int kTimeoutMs = 10;
  using Wait = int (*)(int, epoll_event*, int, int);
  constexpr std::size_t kKept = 64;
  // Volatile: else the compiler calls epoll_wait itself.
  volatile Wait kept[kKept];
  for (volatile Wait& wait : kept) wait = epoll_wait;
  pyleak::targets::Control control(STDIN_FILENO);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {EPOLLIN, {}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, control.input(), &event);
  control.SayReady("generic");
  for (std::size_t round = 0;; ++round) {
    const std::int64_t begin = pyleak::targets::Now();
    const int result = kept[round % kKept](epoll, &event, 1, kTimeoutMs);
    control.CountWait(result, pyleak::targets::Now() - begin, kTimeoutMs * 1'000'000);
    kept[round % kKept] = epoll_wait;
    control.CountWork();
    if (result > 0 && !control.Obey()) return 0;
  }
}
