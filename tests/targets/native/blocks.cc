#include "tests/targets/native/blocks.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <ctime>
#include <fstream>

#include "tests/targets/native/slow_calls.h"

// The functions that block stand outside of any namespace and are never inlined, so that a stack shows plain names.

/// Where the blocking call is, and the errno that it left: 0 if it only waited.
struct Outcome {
  int line;
  int error;
};

namespace {

timespec ToTimespec(double seconds) {
  const double whole = std::floor(seconds);
  return {static_cast<time_t>(whole), static_cast<long>((seconds - whole) * 1e9)};
}

int ToMilliseconds(double seconds) { return static_cast<int>(seconds * 1000); }

int ErrorOf(ssize_t result) { return result < 0 && errno != EAGAIN ? errno : 0; }

}  // namespace

[[gnu::noinline]] Outcome BlockBySleep(double seconds) {
  const timespec duration = ToTimespec(seconds);
  return {__LINE__, clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, nullptr)};
}

[[gnu::noinline]] Outcome BlockByCpu(double seconds) {
  const std::int64_t end = pyleak::targets::Now() + static_cast<std::int64_t>(seconds * 1e9);
  const int line = __LINE__ + 1;
  while (pyleak::targets::Now() < end) continue;
  return {line, 0};
}

[[gnu::noinline]] Outcome BlockByRead(double seconds) {
  const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  const itimerspec expiry = {{}, ToTimespec(seconds)};
  timerfd_settime(timer, 0, &expiry, nullptr);
  std::uint64_t expirations = 0;
  const Outcome outcome = {__LINE__, ErrorOf(read(timer, &expirations, sizeof expirations))};
  close(timer);
  return outcome;
}

[[gnu::noinline]] Outcome BlockByRecv(double seconds) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return {__LINE__, errno};
  const timespec duration = ToTimespec(seconds);
  const timeval timeout = {duration.tv_sec, duration.tv_nsec / 1000};
  setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  char byte = 0;
  const Outcome outcome = {__LINE__, ErrorOf(recv(ends[0], &byte, 1, 0))};
  close(ends[0]);
  close(ends[1]);
  return outcome;
}

[[gnu::noinline]] Outcome BlockByLock(double seconds) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  const std::int64_t end = pyleak::targets::Now() + static_cast<std::int64_t>(seconds * 1e9);
  const timespec deadline = {end / 1'000'000'000, end % 1'000'000'000};
  const Outcome outcome = {__LINE__, pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &deadline)};
  pthread_mutex_unlock(&mutex);
  pthread_mutex_destroy(&mutex);
  return {outcome.line, outcome.error == ETIMEDOUT ? 0 : outcome.error};
}

[[gnu::noinline]] Outcome BlockByPoll(double seconds) {
  int ends[2];
  if (pipe(ends) != 0) return {__LINE__, errno};
  pollfd entry = {ends[0], POLLIN, 0};
  const Outcome outcome = {__LINE__, ErrorOf(poll(&entry, 1, ToMilliseconds(seconds)))};
  close(ends[0]);
  close(ends[1]);
  return outcome;
}

[[gnu::noinline]] Outcome BlockByEpoll(double seconds) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {};
  const Outcome outcome = {__LINE__, ErrorOf(epoll_wait(epoll, &event, 1, ToMilliseconds(seconds)))};
  close(epoll);
  return outcome;
}

namespace pyleak::targets {
namespace {

struct Kind {
  std::string_view kind;
  const char* name;
  Outcome (*block)(double);
};

constexpr Kind kKinds[] = {
    {"sleep", "BlockBySleep", BlockBySleep}, {"cpu", "BlockByCpu", BlockByCpu},    {"read", "BlockByRead", BlockByRead},
    {"recv", "BlockByRecv", BlockByRecv},    {"lock", "BlockByLock", BlockByLock}, {"poll", "BlockByPoll", BlockByPoll},
    {"epoll", "BlockByEpoll", BlockByEpoll},
};

std::int64_t ClockTime(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

/// The second number of /proc/thread-self/schedstat.
std::int64_t RunqueueTime() {
  std::int64_t cpu = 0;
  std::int64_t runqueue = 0;
  std::ifstream("/proc/thread-self/schedstat") >> cpu >> runqueue;
  return runqueue;
}

bool BlockNow(BlockFact& fact, double seconds, std::string_view kind, const std::string& argument) {
  for (const Kind& candidate : kKinds) {
    if (candidate.kind != kind) continue;
    const Outcome outcome = candidate.block(seconds);
    fact.line = outcome.line;
    fact.error = outcome.error;
    fact.name = candidate.name;
    return true;
  }
  const SlowCall call = CallSlowly(seconds, kind, argument);
  fact.line = call.line;
  fact.error = call.error;
  fact.name = call.name;
  fact.filename = "tests/targets/native/slow_calls.cc";
  fact.object = call.object;
  return call.name != nullptr;
}

}  // namespace

std::int64_t Now() { return ClockTime(CLOCK_MONOTONIC); }

std::optional<BlockFact> Block(double seconds, std::string_view kind, const std::string& argument) {
  BlockFact fact;
  const std::int64_t cpu_before = ClockTime(CLOCK_THREAD_CPUTIME_ID);
  const std::int64_t runqueue_before = RunqueueTime();
  fact.begin_ns = Now();
  if (!BlockNow(fact, seconds, kind, argument)) return std::nullopt;
  fact.end_ns = Now();
  fact.cpu_ns = ClockTime(CLOCK_THREAD_CPUTIME_ID) - cpu_before;
  fact.runqueue_ns = RunqueueTime() - runqueue_before;
  return fact;
}

}  // namespace pyleak::targets
