// A loop in a thread that outlives the first one: any line that is handed to "other loop" 0 ends the first thread, and
// leaves a process whose pid is that of a zombie.
#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "tests/targets/native/control.h"

namespace {

using pyleak::targets::Control;

void Run(int first_thread) {
  Control control(STDIN_FILENO);
  control.AddOther(first_thread);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {EPOLLIN, {}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, control.input(), &event);
  control.SayReady("generic");
  while (true) {
    const int result = epoll_wait(epoll, &event, 1, 5);
    control.CountWork();
    if (result > 0 && !control.Obey()) std::_Exit(0);
  }
}

}  // namespace

int main() {
  int ends[2];
  if (pipe(ends) != 0) return 1;
  std::thread(Run, ends[1]).detach();
  char line = 0;
  while (read(ends[0], &line, 1) < 0) continue;
  pthread_exit(nullptr);
}
