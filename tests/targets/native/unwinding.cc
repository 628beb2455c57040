// Leaves its waits in every way but by returning: a cancelled thread, an exception thrown by a signal handler, a jump.
// Commands on stdin, JSON lines on stdout. The answer to each names what was not as it must be, if anything.
#include <pthread.h>
#include <setjmp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

namespace {

std::atomic<int> destroyed = 0;
std::atomic<int> caught = 0;
std::atomic<int> cleaned = 0;
std::atomic<bool> waiting = false;

struct Destroyed {
  ~Destroyed() { ++destroyed; }
};

[[gnu::noinline]] void WaitForEver(int epoll) {
  epoll_event event;
  waiting = true;
  if (epoll_wait(epoll, &event, 1, -1) >= 0 || errno != EINTR) std::abort();
}

// Everything that happens in here can be interrupted at any instruction; what is above it, only in this call.
[[gnu::noinline]] void WaitAgainAndAgain(int epoll) {
  epoll_event event;
  waiting = true;
  for (;;) epoll_wait(epoll, &event, 1, 0);
}

void CountCleanUp(void* /*argument*/) { ++cleaned; }

/// A thread with something to destroy, to catch and to clean up, whose `Wait` is left by its cancellation.
template <void (*Wait)(int), int kCancelType>
void* Cancelled(void* /*argument*/) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  Destroyed above;
  pthread_cleanup_push(CountCleanUp, nullptr);
  try {
    pthread_setcanceltype(kCancelType, nullptr);
    Wait(epoll);
  } catch (...) {
    close(epoll);
    ++caught;
    throw;
  }
  pthread_cleanup_pop(0);
  return nullptr;
}

pthread_t Start(void* (*body)(void*)) {
  waiting = false;
  pthread_t thread;
  if (pthread_create(&thread, nullptr, body, nullptr) != 0) std::abort();
  while (!waiting) sched_yield();
  return thread;
}

std::string Cancel(pthread_t thread) {
  destroyed = caught = cleaned = 0;
  if (pthread_cancel(thread) != 0) return "pthread_cancel failed";
  void* result = nullptr;
  if (pthread_join(thread, &result) != 0 || result != PTHREAD_CANCELED) return "the thread was not cancelled";
  if (destroyed != 1) return "no destructor ran";
  if (caught != 1) return "no catch (...) ran";
  return cleaned == 1 ? "" : "no cleanup handler ran";
}

std::string CancelManyAtAnyInstruction(int count) {
  for (int i = 0; i < count; ++i) {
    const pthread_t thread = Start(Cancelled<WaitAgainAndAgain, PTHREAD_CANCEL_ASYNCHRONOUS>);
    for (int pause = 0; pause < i % 64 * 50; ++pause) asm volatile("");
    const std::string error = Cancel(thread);
    if (!error.empty()) return error + " in round " + std::to_string(i);
  }
  return "";
}

/// Threads that wait for ever and are cancelled, at every moment from their first instruction on, until it ends.
class Storm {
 public:
  Storm() : thread_([this] { Rage(); }) {}

  /// How many were cancelled, and in `error` what was not as it must be.
  int End(std::string& error) {
    over_ = true;
    thread_.join();
    error = error_;
    return rounds_;
  }

 private:
  void Rage() {
    for (; !over_ && error_.empty(); ++rounds_) {
      const pthread_t thread = Start(Cancelled<WaitForEver, PTHREAD_CANCEL_DEFERRED>);
      for (int pause = 0; pause < rounds_ % 256 * 200; ++pause) asm volatile("");
      error_ = Cancel(thread);
    }
  }

  std::atomic<bool> over_ = false;
  int rounds_ = 0;
  std::string error_;
  std::thread thread_;
};

/// Calls `Leave` from a signal handler while the calling thread waits.
template <void (*Leave)(int)>
void InterruptWait(int epoll) {
  struct sigaction action = {};
  action.sa_handler = Leave;
  action.sa_flags = SA_NODEFER;
  sigaction(SIGALRM, &action, nullptr);
  ualarm(2000, 0);
  WaitForEver(epoll);
}

void Throw(int signal) { throw signal; }

std::string ThrowOutOfWait(int epoll) {
  destroyed = 0;
  try {
    const Destroyed above;
    InterruptWait<Throw>(epoll);
    return "nothing was thrown";
  } catch (int signal) {
    if (signal != SIGALRM) return "something else was thrown";
  }
  return destroyed == 1 ? "" : "no destructor ran";
}

sigjmp_buf place;

void Jump(int /*signal*/) { siglongjmp(place, 1); }

std::string JumpOutOfWait(int epoll) {
  if (sigsetjmp(place, 1) != 0) return "";
  InterruptWait<Jump>(epoll);
  return "nothing jumped";
}

std::string EndStorm(std::optional<Storm>& storm) {
  std::string error;
  const int rounds = storm->End(error);
  storm.reset();
  return error.empty() && rounds < 10 ? "there was no storm" : error;
}

std::string Obey(const std::string& line, int epoll) {
  static pthread_t thread;
  static std::optional<Storm> storm;
  std::istringstream words(line);
  std::string command;
  int count = 1;
  words >> command >> count;
  if (command == "wait") return thread = Start(Cancelled<WaitForEver, PTHREAD_CANCEL_DEFERRED>), "";
  if (command == "cancel") return Cancel(thread);
  if (command == "cancel-anywhere") return CancelManyAtAnyInstruction(count);
  if (command == "storm") return storm.emplace(), "";
  if (command == "calm") return EndStorm(storm);
  if (command == "throw") return ThrowOutOfWait(epoll);
  if (command == "jump") return JumpOutOfWait(epoll);
  return "no such command";
}

void Say(const std::string& event, const std::string& more) {
  std::cout << R"({"event": ")" << event << R"(", "pid": )" << getpid() << more << "}" << std::endl;
}

}  // namespace

int main() {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  Say("ready", R"(, "idle": true)");
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "state") {
      Say("state", R"(, "work": 0, "signals": 0)");
    } else {
      Say("done", R"(, "error": ")" + Obey(line, epoll) + "\"");
    }
  }
}
