#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pyleak::targets {

/// What a test tells one loop of a target, and what the loop answers: lines on a descriptor, JSON lines on stdout.
///
///     block SECONDS KIND [ARGUMENT]   block the loop (blocks.h has the kinds); the answer says when, and at which line
///     state                work done, signals, interrupted and early waits so far
///     to N LINE            hand LINE to the Nth other loop
///     exec PROGRAM ARG...  become that program
///     exec_aside ...       the same from a thread that is not the first one
///     quit                 as the end of input: the loop ends
class Control {
 public:
  /// Reads commands from `input`, which becomes non-blocking and is not owned. Counts SIGUSR1 from now on.
  explicit Control(int input);

  [[nodiscard]] int input() const { return input_; }

  /// Tells the test that the loop, of the library `kind`, is about to run.
  void SayReady(std::string_view kind) const;

  /// Obeys the lines that have come, without waiting for more. False: the loop is to end.
  [[nodiscard]] bool Obey();

  /// Where `to N` leads.
  void AddOther(int descriptor) { others_.push_back(descriptor); }

  void CountWork() { ++work_; }

  /// To be told the result of each wait call right after it, how long it took, and how long it was to take at most.
  void CountWait(int result, std::int64_t took_ns, std::int64_t timeout_ns);

 private:
  [[nodiscard]] bool ObeyLine(const std::string& line);
  void SayState() const;

  int input_;
  std::string pending_;
  std::vector<int> others_;
  long work_ = 0;
  long interrupted_ = 0;
  long early_ = 0;
};

}  // namespace pyleak::targets
