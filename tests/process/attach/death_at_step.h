#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string_view>

#include "attach/trace/step_observer.h"

namespace pyleak::test {

/// Ends this process at the step that is asked for.
class Killer : public attach::StepObserver {
 public:
  explicit Killer(int step) : left_(step) {}
  void At(std::string_view) override {
    if (left_-- == 0) ::raise(SIGKILL);
  }

 private:
  int left_;
};

/// Runs `work(killer)` in a copy of this process, which the killer ends by SIGKILL at that step. False: it came to its
/// end before.
template <typename Work>
bool DiesAtStep(int step, Work work) {
  const pid_t copy = ::fork();
  if (copy == 0) {
    Killer killer(step);
    work(killer);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(copy, &status, 0);
  return WIFSIGNALED(status);
}

}  // namespace pyleak::test
