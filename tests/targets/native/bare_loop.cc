// A loop on the bare wait call that the first argument names, with a timeout of ten milliseconds. It counts its rounds,
// and the waits that were interrupted or that returned too early.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
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

/// What a loop waits on: the input, and a descriptor by which other threads could wake it, as loops have one.
struct Descriptors {
  int epoll;  ///< Knows the two others.
  int input;
  int wakeup;
};

/// Waits until the input is readable; one function for each wait call, all with the same timeout.
int EpollWait(const Descriptors& descriptors) {
  epoll_event event;
  return epoll_wait(descriptors.epoll, &event, 1, kTimeoutMs);
}

int EpollPwait(const Descriptors& descriptors) {
  epoll_event event;
  return epoll_pwait(descriptors.epoll, &event, 1, kTimeoutMs, nullptr);
}

int EpollPwait2(const Descriptors& descriptors) {
  epoll_event event;
  return epoll_pwait2(descriptors.epoll, &event, 1, &kTimeout, nullptr);
}

int SyscallEpollWait(const Descriptors& descriptors) {
  epoll_event event;
  return static_cast<int>(syscall(SYS_epoll_wait, descriptors.epoll, &event, 1, kTimeoutMs));
}

int SyscallEpollPwait2(const Descriptors& descriptors) {
  epoll_event event;
  return static_cast<int>(syscall(SYS_epoll_pwait2, descriptors.epoll, &event, 1, &kTimeout, nullptr, 0));
}

int Poll(const Descriptors& descriptors) {
  pollfd entries[] = {{descriptors.input, POLLIN, 0}, {descriptors.wakeup, POLLIN, 0}};
  return poll(entries, 2, kTimeoutMs);
}

int Ppoll(const Descriptors& descriptors) {
  pollfd entries[] = {{descriptors.input, POLLIN, 0}, {descriptors.wakeup, POLLIN, 0}};
  return ppoll(entries, 2, &kTimeout, nullptr);
}

fd_set ReadableSet(const Descriptors& descriptors) {
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(descriptors.input, &readable);
  FD_SET(descriptors.wakeup, &readable);
  return readable;
}

int Select(const Descriptors& descriptors) {
  fd_set readable = ReadableSet(descriptors);
  timeval timeout = {0, kTimeoutMs * 1000};
  return select(descriptors.wakeup + 1, &readable, nullptr, nullptr, &timeout);
}

int Pselect(const Descriptors& descriptors) {
  fd_set readable = ReadableSet(descriptors);
  return pselect(descriptors.wakeup + 1, &readable, nullptr, nullptr, &kTimeout, nullptr);
}

struct WaitCall {
  std::string_view name;
  int (*wait)(const Descriptors& descriptors);
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

void Run(const WaitCall& call, Control& control, const Descriptors& descriptors) {
  while (true) {
    const std::int64_t begin = Now();
    const int result = call.wait(descriptors);
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
  const Descriptors descriptors = {epoll_create1(EPOLL_CLOEXEC), STDIN_FILENO, eventfd(0, EFD_CLOEXEC)};
  for (const int descriptor : {descriptors.input, descriptors.wakeup}) {
    epoll_event event = {EPOLLIN, {}};
    epoll_ctl(descriptors.epoll, EPOLL_CTL_ADD, descriptor, &event);
  }
  control.SayReady("generic");
  Run(*call, control, descriptors);
  return 0;
}
