// A loop that always finds something ready, and so never sleeps: its iterations take as many microseconds as the first
// argument says. With a second argument it sleeps until the first command comes, and is busy from then on. At its end
// it tells which of its iterations were long.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "tests/targets/native/blocks.h"
#include "tests/targets/native/control.h"

namespace {

using pyleak::targets::Control;
using pyleak::targets::Now;

constexpr std::int64_t kLongNs = 20'000'000;
using LongIterations = std::vector<std::pair<std::int64_t, std::int64_t>>;

void Await(int epoll, int descriptor) {
  epoll_event event = {EPOLLIN, {}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

void Work(std::int64_t duration_ns) {
  for (const std::int64_t begin = Now(); Now() - begin < duration_ns;) continue;
}

LongIterations Run(int epoll, std::int64_t duration_ns, Control& control) {
  LongIterations long_ones;
  while (true) {
    epoll_event event;
    epoll_wait(epoll, &event, 1, -1);
    const std::int64_t begin = Now();
    Work(duration_ns);
    control.CountWork();
    if (!control.Obey()) return long_ones;
    const std::int64_t end = Now();
    if (end - begin >= kLongNs) long_ones.emplace_back(begin, end);
  }
}

void Say(const LongIterations& long_ones) {
  std::printf("{\"event\": \"long\", \"iterations\": [");
  const char* separator = "";
  for (const auto& [begin, end] : long_ones) {
    std::printf("%s[%lld, %lld]", std::exchange(separator, ", "), static_cast<long long>(begin),
                static_cast<long long>(end));
  }
  std::printf("]}\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s MICROSECONDS [sleep]\n", argv[0]);
    return 2;
  }
  const std::int64_t duration_ns = std::atol(argv[1]) * 1000;
  Control control(STDIN_FILENO);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int always_ready = eventfd(1, EFD_CLOEXEC);
  Await(epoll, STDIN_FILENO);
  const bool sleeps_first = argc > 2;
  if (!sleeps_first) Await(epoll, always_ready);
  control.SayReady("generic");
  if (sleeps_first) {
    epoll_event event;
    epoll_wait(epoll, &event, 1, -1);
    Await(epoll, always_ready);
  }
  Say(Run(epoll, duration_ns, control));
  return 0;
}
