#include "tests/targets/native/slow_calls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <thread>

#include "tests/targets/native/blocks.h"

using pyleak::targets::SlowCall;

namespace {

int ErrorOf(ssize_t result) { return result < 0 ? errno : 0; }

sockaddr_in LocalPort(const std::string& port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port.c_str())));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

[[gnu::noinline]] SlowCall ReadFifo(double /*seconds*/, const std::string& path) {
  const int fifo = open(path.c_str(), O_RDWR | O_CLOEXEC);  // so that opening does not wait for a writer
  char byte = 0;
  const SlowCall call = {"ReadFifo", __LINE__, ErrorOf(read(fifo, &byte, 1)), path};
  close(fifo);
  return call;
}

[[gnu::noinline]] SlowCall Connect(double /*seconds*/, const std::string& port) {
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = LocalPort(port);
  const auto* const to = reinterpret_cast<const sockaddr*>(&address);
  const SlowCall call = {"Connect", __LINE__, ErrorOf(connect(client, to, sizeof address)), "127.0.0.1:" + port};
  close(client);
  return call;
}

[[gnu::noinline]] SlowCall Receive(double /*seconds*/, const std::string& port) {
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = LocalPort(port);
  const int error = ErrorOf(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  char byte = 0;
  SlowCall call = {"Receive", __LINE__, ErrorOf(recv(client, &byte, 1, 0)), "127.0.0.1:" + port};
  if (error != 0) call.error = error;
  close(client);
  return call;
}

[[gnu::noinline]] SlowCall LockFile(double /*seconds*/, const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const SlowCall call = {"LockFile", __LINE__, ErrorOf(flock(file, LOCK_EX)), path};
  close(file);
  return call;
}

[[gnu::noinline]] SlowCall WaitForChild(double seconds, const std::string& /*none*/) {
  int begun[2];  // Its end is that of the child's old program.
  if (pipe2(begun, O_CLOEXEC) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    execlp("sleep", "sleep", std::to_string(seconds).c_str(), nullptr);
    _exit(127);
  }
  close(begun[1]);
  char byte = 0;
  while (read(begun[0], &byte, 1) > 0) continue;
  close(begun[0]);
  int status = 0;
  const int line = __LINE__ + 1;
  const int error = ErrorOf(waitpid(child, &status, 0));
  return {"WaitForChild", line, status != 0 ? ECHILD : error, "process " + std::to_string(child) + " (sleep)"};
}

[[gnu::noinline]] SlowCall TouchPages(double seconds, const std::string& path) {
  const std::int64_t end = pyleak::targets::Now() + static_cast<std::int64_t>(seconds * 1e9);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts = {};
  fstat(file, &facts);
  const auto size = static_cast<std::size_t>(facts.st_size);
  auto* const pages = static_cast<volatile char*>(mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0));
  madvise(const_cast<char*>(pages), size, MADV_RANDOM);
  SlowCall call = {"TouchPages", __LINE__ + 1, 0, path};
  for (std::size_t at = 0; at < size && pyleak::targets::Now() < end; at += 4096) static_cast<void>(pages[at]);
  munmap(const_cast<char*>(pages), size);
  close(file);
  return call;
}

struct HeldMutex {
  pthread_mutex_t mutex;
  sem_t taken;
  double seconds;
  std::atomic<int> owner;  ///< The thread's number.
};

[[gnu::noinline]] void HoldMutex(HeldMutex& held) {
  pthread_mutex_lock(&held.mutex);
  sem_post(&held.taken);
  const auto nanoseconds = static_cast<long>(held.seconds * 1e9);
  const timespec duration = {nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, nullptr);
  pthread_mutex_unlock(&held.mutex);
}

/// `type`: normal, recursive, inherit (priorities), robust.
[[gnu::noinline]] SlowCall LockMutex(double seconds, const std::string& type) {
  HeldMutex held = {};
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  if (type == "recursive") pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  if (type == "inherit") pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
  if (type == "robust") pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&held.mutex, &attributes);
  sem_init(&held.taken, 0, 0);
  held.seconds = seconds;
  std::thread holder([&held] {
    prctl(PR_SET_NAME, "mutex-holder");
    held.owner = gettid();
    HoldMutex(held);
  });
  sem_wait(&held.taken);
  SlowCall call = {"LockMutex", __LINE__ + 1, 0, std::to_string(held.owner)};
  call.error = pthread_mutex_lock(&held.mutex);
  pthread_mutex_unlock(&held.mutex);
  holder.join();
  return call;
}

namespace pyleak::targets {

SlowCall CallSlowly(double seconds, std::string_view kind, const std::string& argument) {
  constexpr struct {
    std::string_view kind;
    SlowCall (*call)(double, const std::string&);
  } kKinds[] = {{"fifo", ReadFifo},      {"connect", Connect},  {"receive", Receive}, {"flock", LockFile},
                {"child", WaitForChild}, {"pages", TouchPages}, {"mutex", LockMutex}};
  for (const auto& candidate : kKinds) {
    if (candidate.kind == kind) return candidate.call(seconds, argument);
  }
  return {};
}

}  // namespace pyleak::targets
