// A loop that starts something new in every round, and sees it come to the right end: a child by fork, vfork or
// posix_spawn, or threads that wait a little. The first argument says which. It aborts when one of them ends otherwise.
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>

#include "tests/targets/native/control.h"

namespace {

using pyleak::targets::Control;

constexpr int kFine = 42;
constexpr int kTimeoutMs = 1;
/// As many threads are there at any time; each round ends one, and starts another.
constexpr std::size_t kThreads = 8;

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::abort();
}

/// On an instance that never has anything to tell.
int WaitOnNothing(int epoll) {
  epoll_event event = {};
  return epoll_wait(epoll, &event, 1, kTimeoutMs) == 0 ? kFine : 1;
}

int WaitOnNothing() { return WaitOnNothing(epoll_create1(EPOLL_CLOEXEC)); }

void ExpectFine(pid_t child) {
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) Fail("no child");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != kFine) Fail("a child has ended otherwise than it was told to");
}

void Fork() {
  const pid_t child = fork();
  if (child == 0) _exit(WaitOnNothing());
  ExpectFine(child);
}

void Vfork() {
  const pid_t child = vfork();
  if (child == 0) _exit(kFine);
  ExpectFine(child);
}

void Spawn() {
  static char program[] = "/proc/self/exe";
  static char argument[] = "child";
  char* const arguments[] = {program, argument, nullptr};
  pid_t child = -1;
  if (posix_spawn(&child, program, nullptr, nullptr, arguments, environ) != 0) Fail("posix_spawn");
  ExpectFine(child);
}

struct Worker {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  std::thread thread;
};

void ChangeThread() {
  static std::array<Worker, kThreads> workers;
  static std::size_t next = 0;
  Worker& oldest = workers[std::exchange(next, (next + 1) % kThreads)];
  if (oldest.thread.joinable()) oldest.thread.join();
  oldest.thread = std::thread([epoll = oldest.epoll] {
    if (WaitOnNothing(epoll) != kFine) Fail("a wait in a thread was interrupted");
  });
}

struct Kind {
  std::string_view name;
  void (*start_something)();
};

constexpr Kind kKinds[] = {{"fork", Fork}, {"vfork", Vfork}, {"spawn", Spawn}, {"threads", ChangeThread}};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "child") return WaitOnNothing();
  for (const Kind& kind : kKinds) {
    if (kind.name != name) continue;
    Control control(STDIN_FILENO);
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event = {EPOLLIN, {}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, control.input(), &event);
    kind.start_something();  // What it opens for that is open from the first word on.
    control.SayReady("generic");
    for (;;) {
      const int result = epoll_wait(epoll, &event, 1, kTimeoutMs);
      control.CountWait(result, 0, 0);
      if (result > 0 && !control.Obey()) std::_Exit(0);
      kind.start_something();
      control.CountWork();
    }
  }
  std::fprintf(stderr, "usage: %s fork|vfork|spawn|threads\n", argv[0]);
  return 2;
}
