#pragma once

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <new>
#include <thread>

namespace pyleak::test {

/// A child that runs `body(shared)` and is killed with this object. `Shared` lies in memory that both see.
template <typename Shared>
class ForkedTarget {
 public:
  template <typename Body>
  explicit ForkedTarget(Body body) {
    void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_ = ::new (memory) Shared();
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    body(*shared_);
    ::_exit(0);
  }
  ForkedTarget(const ForkedTarget&) = delete;
  ForkedTarget& operator=(const ForkedTarget&) = delete;
  ~ForkedTarget() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::munmap(shared_, sizeof(Shared));
  }

  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] Shared& shared() const { return *shared_; }

 private:
  Shared* shared_;
  int pid_;
};

/// Waits until `condition()` holds; false when it does not within ten seconds.
template <typename Condition>
bool Eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace pyleak::test
