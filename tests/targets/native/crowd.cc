// A loop beside 300 threads that each wait for ever on an epoll instance of their own, more than an agent has slots
// for. `to 0 LINE` lets every one of them go round once.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tests/targets/native/control.h"

namespace {

constexpr int kThreads = 300;

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::abort();
}

/// Nobody reads what comes there: that it has come wakes each instance once.
int NewInstance(int wakeup) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {EPOLLIN | EPOLLET, {}};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, wakeup, &event) != 0) Fail("epoll_ctl");
  return epoll;
}

void WaitForEver(int epoll) {
  for (epoll_event event;;) {
    if (epoll_wait(epoll, &event, 1, -1) < 0) Fail("epoll_wait");
  }
}

}  // namespace

int main() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Fail("pipe");
  for (int i = 0; i < kThreads; ++i) std::thread(WaitForEver, NewInstance(ends[0])).detach();
  pyleak::targets::Control control(STDIN_FILENO);
  control.AddOther(ends[1]);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {EPOLLIN, {}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, control.input(), &event);
  control.SayReady("generic");
  while (true) {
    const int result = epoll_wait(epoll, &event, 1, 10);
    control.CountWait(result, 0, 0);
    control.CountWork();
    if (result > 0 && !control.Obey()) std::_Exit(0);
  }
}
