#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "attach/base/unique_fd.h"

namespace pyleak::testing_support {

/// A program started for a test; killed, if it still runs, and reaped when this ends.
class Child {
 public:
  /// `arguments[0]` is looked for in PATH. Its standard output comes to us, its standard input is a pipe that we hold
  /// open. Aborts the test program if it cannot be started.
  explicit Child(const std::vector<std::string>& arguments);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  [[nodiscard]] int pid() const { return pid_; }

  /// Gives it a line, to which this adds the end.
  void WriteLine(const std::string& line);
  /// The next line of its output without the line end; what there is of it once the limit has passed.
  std::string ReadLine(std::chrono::milliseconds limit = std::chrono::seconds(20));
  /// All of its output up to the end.
  std::string ReadAll(std::chrono::milliseconds limit = std::chrono::seconds(20));

 private:
  bool ReadMore(std::chrono::steady_clock::time_point deadline);

  int pid_ = -1;
  UniqueFd input_;
  UniqueFd output_;
  std::string pending_;
};

}  // namespace pyleak::testing_support
