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

/// A child that is killed with this object. `Shared` lies in memory that both see.
template <typename Shared>
class SharingTarget {
 public:
  SharingTarget(const SharingTarget&) = delete;
  SharingTarget& operator=(const SharingTarget&) = delete;
  ~SharingTarget() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::munmap(shared_, sizeof(Shared));
  }

  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] Shared& shared() const { return *shared_; }

 protected:
  /// The child runs `body(shared, descriptor of the same memory)`.
  template <typename Body>
  explicit SharingTarget(Body body) {
    const int memory = ::memfd_create("shared", 0);
    if (::ftruncate(memory, sizeof(Shared)) != 0) std::abort();
    void* const mapped = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    shared_ = ::new (mapped) Shared();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      body(*shared_, memory);
      ::_exit(0);
    }
    ::close(memory);
  }

 private:
  Shared* shared_;
  int pid_;
};

/// One that runs `body(shared)`, as a copy of the test program.
template <typename Shared>
class ForkedTarget : public SharingTarget<Shared> {
 public:
  template <typename Body>
  explicit ForkedTarget(Body body) : SharingTarget<Shared>([&](Shared& shared, int) { body(shared); }) {}
};

/// One that is a program of its own, which maps what is shared from its standard input. It is as its users would have
/// it, whatever the tests are built with: a sanitizer in the target wraps the very calls that the agent wraps.
template <typename Shared>
class ProgramTarget : public SharingTarget<Shared> {
 public:
  template <typename... Arguments>
  explicit ProgramTarget(const char* program, Arguments... arguments)
      : SharingTarget<Shared>([=](Shared&, int memory) {
          ::dup2(memory, STDIN_FILENO);
          ::execl(program, program, arguments..., nullptr);
        }) {}
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
