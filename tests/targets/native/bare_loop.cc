// A loop on the bare wait call that the first argument names, with a timeout of ten milliseconds. It counts its rounds,
// and the waits that were interrupted or that returned too early.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "tests/targets/native/blocks.h"
#include "tests/targets/native/control.h"

namespace {

using pyleak::targets::Control;
using pyleak::targets::Now;

constexpr long kTimeoutMs = 10;
constexpr timespec kTimeout = {0, kTimeoutMs * 1'000'000};

/// Waits until `input` is readable; one function for each wait call, all with the same timeout.
int EpollWait(int epoll, int /*input*/) {
  epoll_event event;
  return epoll_wait(epoll, &event, 1, kTimeoutMs);
}

int EpollPwait(int epoll, int /*input*/) {
  epoll_event event;
  return epoll_pwait(epoll, &event, 1, kTimeoutMs, nullptr);
}

int EpollPwait2(int epoll, int /*input*/) {
  epoll_event event;
  return epoll_pwait2(epoll, &event, 1, &kTimeout, nullptr);
}

int SyscallEpollWait(int epoll, int /*input*/) {
  epoll_event event;
  return static_cast<int>(syscall(SYS_epoll_wait, epoll, &event, 1, kTimeoutMs));
}

int SyscallEpollPwait2(int epoll, int /*input*/) {
  epoll_event event;
  return static_cast<int>(syscall(SYS_epoll_pwait2, epoll, &event, 1, &kTimeout, nullptr, 0));
}

int Poll(int /*epoll*/, int input) {
  pollfd entry = {input, POLLIN, 0};
  return poll(&entry, 1, kTimeoutMs);
}

int Ppoll(int /*epoll*/, int input) {
  pollfd entry = {input, POLLIN, 0};
  return ppoll(&entry, 1, &kTimeout, nullptr);
}

int Select(int /*epoll*/, int input) {
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(input, &readable);
  timeval timeout = {0, kTimeoutMs * 1000};
  return select(input + 1, &readable, nullptr, nullptr, &timeout);
}

int Pselect(int /*epoll*/, int input) {
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(input, &readable);
  return pselect(input + 1, &readable, nullptr, nullptr, &kTimeout, nullptr);
}

struct WaitCall {
  std::string_view name;
  int (*wait)(int epoll, int input);
};

constexpr WaitCall kWaitCalls[] = {
    {"epoll_wait", EpollWait},
    {"epoll_pwait", EpollPwait},
    {"epoll_pwait2", EpollPwait2},
    {"syscall_epoll_wait", SyscallEpollWait},
    {"syscall_epoll_pwait2", SyscallEpollPwait2},
    {"poll", Poll},
    {"ppoll", Ppoll},
    {"select", Select},
    {"pselect", Pselect},
};

const WaitCall* FindWaitCall(std::string_view name) {
  for (const WaitCall& call : kWaitCalls) {
    if (call.name == name) return &call;
  }
  return nullptr;
}

void Run(const WaitCall& call, Control& control, int epoll) {
  while (true) {
    const std::int64_t begin = Now();
    const int result = call.wait(epoll, control.input());
    control.CountWait(result, Now() - begin, kTimeout.tv_nsec);
    control.CountWork();
    if (result > 0 && !control.Obey()) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const WaitCall* call = FindWaitCall(argc > 1 ? argv[1] : "");
  if (call == nullptr) {
    std::fprintf(stderr, "usage: %s WAIT-CALL\n", argv[0]);
    return 2;
  }
  Control control(STDIN_FILENO);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {EPOLLIN, {}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
  control.SayReady("generic");
  Run(*call, control, epoll);
  return 0;
}
