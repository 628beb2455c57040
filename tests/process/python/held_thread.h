#pragma once

#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "attach/base/remote_address.h"

namespace pyleak::tests {

/// A thread of a child, held in a ptrace stop while this object lives; the least that can hold one.
class HeldThread {
 public:
  explicit HeldThread(int tid) : tid_(tid) {
    seized_ = ::ptrace(PTRACE_SEIZE, tid_, 0, 0) == 0 && ::ptrace(PTRACE_INTERRUPT, tid_, 0, 0) == 0 &&
              ::waitpid(tid_, nullptr, __WALL) == tid_ && ::ptrace(PTRACE_GETREGS, tid_, 0, &registers_) == 0;
  }
  HeldThread(const HeldThread&) = delete;
  HeldThread& operator=(const HeldThread&) = delete;
  ~HeldThread() { ::ptrace(PTRACE_DETACH, tid_, 0, 0); }

  [[nodiscard]] bool held() const { return seized_; }
  [[nodiscard]] RemoteAddress thread_pointer() const { return RemoteAddress(registers_.fs_base); }

 private:
  int tid_;
  bool seized_ = false;
  user_regs_struct registers_{};
};

}  // namespace pyleak::tests
