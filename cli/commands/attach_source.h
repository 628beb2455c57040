#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "attach/heartbeat/region_claims.h"
#include "attach/inject/injected_agent.h"
#include "attach/proc/process_identity.h"
#include "attach/proc/running_program.h"
#include "cli/options.h"
#include "cli/watch/process_source.h"
#include "cli/watch/signal_inbox.h"

namespace pyleak::cli {

/// A running process that pyleak attaches to, and with --children its descendants: each gets an agent of its own, or
/// has inherited its parent's by fork.
class AttachSource : public ProcessSource {
 public:
  /// Places the agent in `root`, or where that cannot be has it looked at from outside. The Error is why it cannot be
  /// watched at all.
  static Result<std::unique_ptr<AttachSource>> Attach(const attach::ProcessIdentity& root, const WatchOptions& options,
                                                      const SignalInbox& signals);

  std::vector<FoundProcess> TakeNew() override;
  std::vector<Warning> TakeWarnings() override;
  Dropped TakeUnseen() override { return std::exchange(unseen_, {}); }
  void Release(const FoundProcess& process) override;
  std::optional<EndReason> ReasonToEnd() override;
  [[nodiscard]] std::optional<attach::ProcessEnd> HowTargetEnded() const override { return attach::HowItEnded(root_); }
  [[nodiscard]] std::optional<std::string> WhyNoAgent() const override;
  [[nodiscard]] std::vector<int> wakers() const override;
  /// Why the watch could not go on (EndReason::kFailed): the agent could not be placed for long, and meanwhile another
  /// pyleak has placed its own.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

  /// Takes every agent out again; what had to be left behind, in words.
  std::vector<std::string> Detach();

 private:
  /// A process that an agent is being placed in. That can take as long as its threads sleep where none of them can be
  /// borrowed without harm; the watch goes on meanwhile.
  struct Joining {
    std::shared_ptr<WatchedProcess> process;
    std::future<Result<attach::InjectedAgent>> agent;
    int attempts = 0;
    bool told = false;  ///< It has been handed on, without a heartbeat.
  };
  struct Placed {
    std::shared_ptr<WatchedProcess> process;
    attach::InjectedAgent agent;
    attach::RegionClaims claims;  ///< Which regions have been handed on.
    /// Modules that were loaded since are being looked for, which can take as long as placing the agent.
    std::future<Result<std::size_t>> extending;
    bool told_of_failure = false;
    bool over = false;  ///< Its process has ended; a forked child may still write to its arena.
  };
  AttachSource(const attach::ProcessIdentity& root, const WatchOptions& options, const SignalInbox& signals)
      : root_(root), options_(options), signals_(signals) {}

  /// Joins what the root runs at `deadline` at the latest. The Error is why it cannot be watched.
  Result<void> JoinRoot(std::chrono::steady_clock::time_point deadline);
  /// The Error is why the process cannot even be looked at.
  Result<void> Join(const attach::ProcessIdentity& process);
  void BeginPlacing(Joining& joining);
  /// It is watched from outside, for that reason. To be told of as found.
  void GoWithout(const std::shared_ptr<WatchedProcess>& process, const std::string& why);
  /// Takes the agent that has been placed, or why it could not be.
  Result<void> FinishPlacing(Joining& joining);
  void JoinNewPrograms();
  void Extend(Placed& placed);
  void LookAfterJoining(std::vector<FoundProcess>& found);
  void WarnOfNoAgent(const std::shared_ptr<WatchedProcess>& process, const Error& why);
  void WarnThatNotWatched(int pid, const Error& why);
  void TakeRegions(Placed& placed, std::vector<FoundProcess>& found);
  /// Its process ended before it could be looked at.
  void ForgetUnseen(Placed& placed, const attach::Heartbeat& heartbeat);
  void Warn(const std::string& code, const std::string& message, int pid);

  attach::ProcessIdentity root_;
  const WatchOptions& options_;
  const SignalInbox& signals_;
  std::vector<std::unique_ptr<Joining>> joining_;
  std::vector<std::unique_ptr<Placed>> placed_;
  std::vector<std::shared_ptr<WatchedProcess>> without_agent_;  ///< To be told of.
  std::optional<std::string> why_no_agent_;                     ///< In the root.
  std::set<attach::RunningProgram> tried_;
  std::vector<Warning> warnings_;
  Dropped unseen_;
  std::optional<Error> failure_;
  std::chrono::steady_clock::time_point next_survey_{};
};

}  // namespace pyleak::cli
