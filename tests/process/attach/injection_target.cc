// A program that an agent is placed in: `injection_target KIND [ARGUMENT]`, with what it shares with the test as its
// standard input. The kinds are those of injection_target.h.

#include "tests/process/attach/injection_target.h"

#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
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
  if (kind == "late_module") RunLateModule(SharedMemory<LateModule>());
  if (kind == "crowd") RunCrowd(SharedMemory<Crowd>());
  return 2;
}
