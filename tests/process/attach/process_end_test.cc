#include "attach/proc/process_end.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace pyleak::attach {
namespace {

/// A child that waits to be killed.
class Victim {
 public:
  Victim() : pid_(::fork()) {
    if (pid_ == 0) {
      for (;;) ::pause();
    }
  }
  ~Victim() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] int pid() const { return pid_; }

 private:
  int pid_;
};

/// A child that exits with that status.
int Exit(int status) {
  const int pid = ::fork();
  if (pid == 0) ::_exit(status);
  return pid;
}

void WaitUntilZombie(int pid) {
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
}

bool KernelKeepsTheEnd() {
  utsname name{};
  int major = 0;
  int minor = 0;
  return ::uname(&name) == 0 && std::sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
         std::pair(major, minor) >= std::pair(6, 15);
}

TEST(ProcessEnd, OfARunningProcessIsNotKnown) {
  const Victim victim;
  const auto process = ProcessIdentity::Open(victim.pid());
  ASSERT_TRUE(process);
  EXPECT_FALSE(HowItEnded(*process));
}

TEST(ProcessEnd, OfAKilledOneIsTheSignalBeforeAndAfterItsParentHasWaited) {
  const Victim victim;
  const auto process = ProcessIdentity::Open(victim.pid());
  ASSERT_TRUE(process);
  ::kill(victim.pid(), SIGTERM);
  WaitUntilZombie(victim.pid());
  EXPECT_EQ(HowItEnded(*process), (ProcessEnd{.signal = SIGTERM}));
  ASSERT_EQ(::waitpid(victim.pid(), nullptr, 0), victim.pid());
  if (!KernelKeepsTheEnd()) GTEST_SKIP() << "the kernel forgets how a process ended";
  EXPECT_EQ(HowItEnded(*process), (ProcessEnd{.signal = SIGTERM}));
}

TEST(ProcessEnd, OfOneThatExitsIsItsStatus) {
  const int pid = Exit(3);
  WaitUntilZombie(pid);
  const auto process = ProcessIdentity::Open(pid);
  ASSERT_TRUE(process);
  EXPECT_EQ(HowItEnded(*process), (ProcessEnd{.exit_status = 3}));
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  if (!KernelKeepsTheEnd()) GTEST_SKIP() << "the kernel forgets how a process ended";
  EXPECT_EQ(HowItEnded(*process), (ProcessEnd{.exit_status = 3}));
}

}  // namespace
}  // namespace pyleak::attach
