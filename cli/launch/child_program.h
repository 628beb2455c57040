#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "attach/proc/process_end.h"
#include "attach/proc/process_identity.h"

namespace pyleak::cli {

/// Why a program could not be started, and what a shell would end with: 126, 127, or 1 if it is pyleak's own fault.
struct StartFailure {
  int exit_status = 0;
  std::string what;
  std::string hint;
};

/// A program that pyleak has started: in pyleak's own process group, session and working directory, with its terminal,
/// its standard streams and the descriptors that pyleak itself was given. It knows nothing of pyleak and lives on if
/// pyleak ends; destruction does nothing to it.
class ChildProgram {
 public:
  using Started = std::variant<StartFailure, ChildProgram>;

  /// Looks for `command[0]` as execvp(3) does and starts it with that environment and signal mask. Signals that pyleak
  /// catches are at their default there, ignored ones ignored (so see Disregard). Returns once the program runs, or
  /// could not be executed. To be called before pyleak changes anything of its own that a child inherits (priority).
  static Started Start(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                       const sigset_t& signal_mask);

  [[nodiscard]] const attach::ProcessIdentity& process() const { return process_; }

  /// Once it has ended: its exit code, or 128 + N if signal N ended it.
  std::optional<int> TryWait();
  /// Once TryWait has said that it has ended; nothing if that could not be learnt.
  [[nodiscard]] const std::optional<attach::ProcessEnd>& end() const { return end_; }

  /// Sends it a signal. Nothing happens if it has ended.
  void Send(int signal) const;

 private:
  explicit ChildProgram(attach::ProcessIdentity process) : process_(std::move(process)) {}

  attach::ProcessIdentity process_;
  std::optional<int> status_;
  std::optional<attach::ProcessEnd> end_;
};

}  // namespace pyleak::cli
