#pragma once

#include <csignal>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"
#include "cli/launch/child_program.h"

namespace pyleak::cli {

/// A signal that has come to pyleak.
struct ReceivedSignal {
  int number = 0;
  bool from_kernel = false;  ///< Rather than by kill(2): from the terminal, most often.
  int sender_pid = 0;
};

/// Whether the program has to be told of it. The terminal tells the whole process group itself, except for a hangup,
/// of which the session's leader alone hears. What the program sends to its parent is not meant for it.
bool IsMeantForProgram(const ReceivedSignal& signal, int program_pid, bool session_leader);

/// Takes the signals that are sent to pyleak but meant for the program that it runs; every one that another process
/// may mean for that program. Not those that say something of pyleak itself (faults, SIGPIPE, SIGCHLD and the like),
/// and neither SIGTSTP nor SIGCONT, with which a shell stops and continues the whole group.
class SignalRelay {
 public:
  /// From now on these signals wait in the relay instead of having their effect on pyleak. To be opened before other
  /// threads are started, for they take over the signal mask. Those that pyleak was told to ignore stay so.
  static Result<SignalRelay> Open();

  SignalRelay(SignalRelay&&) noexcept = default;
  SignalRelay& operator=(SignalRelay&&) = delete;
  ~SignalRelay() = default;

  /// Readable when a signal has come.
  [[nodiscard]] int fd() const { return signals_.get(); }
  /// As pyleak was started, for the program.
  [[nodiscard]] const sigset_t& inherited_mask() const { return inherited_mask_; }

  /// Sends on to the program those signals that have come and are meant for it. Waits for none.
  void PassOn(const ChildProgram& program) const;

 private:
  SignalRelay(UniqueFd signals, const sigset_t& inherited_mask)
      : signals_(std::move(signals)), inherited_mask_(inherited_mask) {}

  UniqueFd signals_;
  sigset_t inherited_mask_;
};

}  // namespace pyleak::cli
