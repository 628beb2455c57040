// Several epoll loops: `several_loops threads N` runs N of them beside its own, each in a thread; `several_loops
// processes N` forks N children with one each. Command `to I LINE` reaches the Ith. "ready" means that all of them are.
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

#include "tests/targets/native/blocks.h"
#include "tests/targets/native/control.h"

namespace {

using pyleak::targets::Control;
using pyleak::targets::Now;

int EpollOf(const Control& control) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {EPOLLIN, {}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, control.input(), &event);
  return epoll;
}

void Run(Control& control, int epoll) {
  while (true) {
    epoll_event event = {};
    constexpr int kTimeoutMs = 20;
    const std::int64_t begin = Now();
    const int result = epoll_wait(epoll, &event, 1, kTimeoutMs);
    control.CountWait(result, Now() - begin, kTimeoutMs * 1'000'000LL);
    control.CountWork();
    if (result > 0 && !control.Obey()) return;
  }
}

/// What a loop beside the first does: writes a byte to `started`, and runs until its `input` ends.
void RunOther(int input, int started) {
  Control control(input);
  const int epoll = EpollOf(control);
  if (write(started, "", 1) == 1) Run(control, epoll);
}

void StartThread(int input, int started, int index) {
  std::thread thread(RunOther, input, started);
  pthread_setname_np(thread.native_handle(), ("loop-" + std::to_string(index)).c_str());
  thread.detach();
}

void StartProcess(int input, int started) {
  if (fork() != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  RunOther(input, started);
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc == 3 ? std::atoi(argv[2]) : 0;
  if (count <= 0) {
    std::fprintf(stderr, "usage: %s threads|processes N\n", argv[0]);
    return 2;
  }
  Control control(STDIN_FILENO);
  int started[2];
  if (pipe(started) != 0) return 1;
  for (int i = 0; i < count; ++i) {
    int ends[2];
    if (pipe(ends) != 0) return 1;
    if (std::string_view(argv[1]) == "threads") {
      StartThread(ends[0], started[1], i);
    } else {
      StartProcess(ends[0], started[1]);
    }
    control.AddOther(ends[1]);
  }
  char byte = 0;
  for (int i = 0; i < count; ++i) {
    if (read(started[0], &byte, 1) != 1) return 1;
  }
  const int epoll = EpollOf(control);
  control.SayReady("generic");
  Run(control, epoll);
  return 0;
}
