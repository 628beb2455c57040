// One epoll loop, and workers that are no loops: each takes a job now and then, computes, and waits for its answer on a
// new socket in poll(). The loop hands them jobs.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/targets/native/blocks.h"
#include "tests/targets/native/control.h"

namespace {

using pyleak::targets::Block;
using pyleak::targets::Control;

class Jobs {
 public:
  void Add() {
    {
      const std::lock_guard lock(mutex_);
      ++waiting_;
    }
    added_.notify_one();
  }

  void Take() {
    std::unique_lock lock(mutex_);
    added_.wait(lock, [this] { return waiting_ > 0; });
    --waiting_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable added_;
  int waiting_ = 0;
};

void AskServer() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return;
  pollfd entry = {ends[0], POLLIN, 0};
  poll(&entry, 1, 5);
  close(ends[0]);
  close(ends[1]);
}

void Work(Jobs& jobs) {
  while (true) {
    jobs.Take();
    Block(0.3, "sleep");  // Longer than any threshold of a test: what a worker is for.
    AskServer();
  }
}

void Run(Control& control, Jobs& jobs) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {EPOLLIN, {}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, control.input(), &event);
  control.SayReady("generic");
  while (true) {
    const int result = epoll_wait(epoll, &event, 1, 100);
    control.CountWork();
    if (result == 0) jobs.Add();
    if (result > 0 && !control.Obey()) return;
  }
}

}  // namespace

int main() {
  Jobs& jobs = *new Jobs;  // Never deleted: the workers use it until the process ends.
  constexpr int kWorkers = 3;
  for (int i = 0; i < kWorkers; ++i) std::thread([&jobs] { Work(jobs); }).detach();
  Control control(STDIN_FILENO);
  Run(control, jobs);
  return 0;
}
