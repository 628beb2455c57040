// A program whose threads are held and borrowed, and that an agent is placed in: `injection_target KIND [ARGUMENT]`,
// with what it shares with the test as its standard input. The kinds are those of injection_target.h.

#include "tests/process/attach/injection_target.h"

#include <dlfcn.h>
#include <immintrin.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace {

using namespace pyleak::test;  // NOLINT: a program of its own

template <typename Shared>
Shared& SharedMemory() {
  void* const memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, STDIN_FILENO, 0);
  if (memory == MAP_FAILED) std::abort();
  return *static_cast<Shared*>(memory);
}

[[noreturn]] void RunLoop(Loop& loop, int timeout_ms) {
  const int epoll = ::epoll_create1(0);
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  loop.pipe_end = ends[1];
  epoll_event event{};
  event.events = EPOLLIN;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
  for (;;) {
    errno = 77;
    const int ready = ::epoll_wait(epoll, &event, 1, timeout_ms);
    if (ready < 0 && errno == EINTR) ++loop.interrupted;
    if (ready >= 0 && errno != 77) std::abort();
    char byte = 0;
    if (ready > 0 && ::read(ends[0], &byte, 1) != 1) std::abort();
    ++loop.rounds;
  }
}

Checks* seen = nullptr;
void CountCall() { seen->result = ++seen->calls; }

void ShareFunction(Checks& checks) {
  seen = &checks;
  checks.result_address = reinterpret_cast<std::uint64_t>(&checks.result);
  checks.function = reinterpret_cast<std::uint64_t>(&CountCall);
}

/// epoll_wait as a system call of its own, around which errno and a vector register are kept. 0 if all is well.
long WaitAndCompare(int epoll, long timeout, double value) {
  epoll_event event{};
  errno = 77;
  const __m128d before = _mm_set_pd(1.5, value);
  __m128d kept = before;
  for (int i = 0; i < 1000; ++i) __asm__ volatile("" : "+x"(kept));
  long result = SYS_epoll_wait;
  register long r10 __asm__("r10") = timeout;
  __asm__ volatile("syscall"
                   : "+a"(result), "+x"(kept)
                   : "D"(epoll), "S"(&event), "d"(1), "r"(r10)
                   : "rcx", "r11", "memory");
  const bool same = _mm_movemask_pd(_mm_cmpeq_pd(kept, before)) == 3 && errno == 77;
  return same ? result : -1;
}

[[noreturn]] void RunChecks(Checks& checks, int timeout_ms) {
  ShareFunction(checks);
  struct sigaction action {};
  action.sa_handler = [](int) { ++seen->signals; };
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR1, &action, nullptr);
  static std::array<char, 65536> alternate;
  const stack_t stack{.ss_sp = alternate.data(), .ss_flags = 0, .ss_size = alternate.size()};
  ::sigaltstack(&stack, nullptr);
  const int epoll = ::epoll_create1(0);
  for (;; ++checks.rounds) {
    if (WaitAndCompare(epoll, timeout_ms, static_cast<double>(checks.rounds)) != 0) std::abort();
    stack_t now{};
    ::sigaltstack(nullptr, &now);
    sigset_t mask;
    ::sigprocmask(SIG_SETMASK, nullptr, &mask);
    if (now.ss_sp != alternate.data() || ::sigismember(&mask, SIGUSR2) != 0) std::abort();
  }
}

[[noreturn]] void RunShortWaits(Checks& checks) {
  ShareFunction(checks);
  const int epoll = ::epoll_create1(0);
  for (epoll_event event{};; ++checks.rounds) ::epoll_wait(epoll, &event, 1, checks.rounds % 2);
}

[[noreturn]] void RunVfork(Vfork& shared) {
  if (::vfork() == 0) {
    shared.child_runs = 1;
    while (shared.child_may_end == 0) ::usleep(1000);
    ::_exit(0);
  }
  shared.finished = 1;
  for (;;) ::pause();
}

[[noreturn]] void RunLateModule(LateModule& shared) {
  const int epoll = ::epoll_create1(0);
  epoll_event event{};
  void* module = nullptr;
  for (;;) {
    ::epoll_wait(epoll, &event, 1, 1);
    if (shared.wanted != 0 && module == nullptr) module = ::dlopen(LATE_MODULE, RTLD_NOW);
    if (shared.wanted == 0 && module != nullptr) ::dlclose(std::exchange(module, nullptr));
    if (module != nullptr) reinterpret_cast<int (*)()>(::dlsym(module, "WaitOnce"))();
    shared.loaded = module != nullptr ? 1 : 0;
    ++shared.rounds;
  }
}

[[noreturn]] void RunCrowd(Crowd& crowd) {
  const auto loop = [&crowd](int index) {
    const int epoll = ::epoll_create1(0);
    epoll_event event{};
    for (;;) {
      if (::epoll_wait(epoll, &event, 1, index < 3 ? 200 : index % 3) < 0) std::abort();
      ++crowd.rounds[index];
    }
  };
  std::thread threads[7];
  for (int i = 0; i < 7; ++i) threads[i] = std::thread(loop, i + 1);
  loop(0);
  std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view kind = argc > 1 ? argv[1] : "";
  if (kind == "loop" && argc > 2) RunLoop(SharedMemory<Loop>(), std::stoi(argv[2]));
  if (kind == "checks" && argc > 2) RunChecks(SharedMemory<Checks>(), std::stoi(argv[2]));
  if (kind == "short_waits") RunShortWaits(SharedMemory<Checks>());
  if (kind == "vfork") RunVfork(SharedMemory<Vfork>());
  if (kind == "late_module") RunLateModule(SharedMemory<LateModule>());
  if (kind == "crowd") RunCrowd(SharedMemory<Crowd>());
  return 2;
}
