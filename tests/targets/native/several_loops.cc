// Several epoll loops: `several_loops threads N` runs N of them beside its own, each in a thread; `several_loops
// processes N` forks N children with one each. Command `to I LINE` reaches the Ith. A new loop says "ready" itself.
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

void Run(Control& control) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {EPOLLIN, {}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, control.input(), &event);
  control.SayReady("generic");
  while (true) {
    constexpr int kTimeoutMs = 20;
    const std::int64_t begin = Now();
    const int result = epoll_wait(epoll, &event, 1, kTimeoutMs);
    control.CountWait(result, Now() - begin, kTimeoutMs * 1'000'000LL);
    control.CountWork();
    if (result > 0 && !control.Obey()) return;
  }
}

void StartThread(int input, int index) {
  std::thread thread([input] {
    Control control(input);
    Run(control);
  });
  pthread_setname_np(thread.native_handle(), ("loop-" + std::to_string(index)).c_str());
  thread.detach();
}

void StartProcess(int input, int output_of_parent) {
  if (fork() != 0) return;
  close(output_of_parent);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  Control control(input);
  Run(control);
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
  for (int i = 0; i < count; ++i) {
    int ends[2];
    if (pipe(ends) != 0) return 1;
    if (std::string_view(argv[1]) == "threads") {
      StartThread(ends[0], i);
    } else {
      StartProcess(ends[0], ends[1]);
    }
    control.AddOther(ends[1]);
  }
  Run(control);
  return 0;
}
