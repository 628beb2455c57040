#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attach/heartbeat/region_claims.h"
#include "attach/inject/preload_session.h"
#include "attach/proc/running_program.h"
#include "cli/launch/child_program.h"
#include "cli/launch/signal_relay.h"
#include "cli/watch/process_source.h"

namespace pyleak::cli {

/// The program that `run` has started, and what it starts: every process that claims a region of the session's arena.
/// Where that cannot be, the program itself, from outside.
class RunSource : public ProcessSource {
 public:
  /// All of them are used as long as the source. Without `children` only the program itself is watched. No session: no
  /// agent either.
  RunSource(attach::PreloadSession* session, ChildProgram& program, const SignalRelay& relay, bool children)
      : session_(session), program_(program), relay_(relay), children_(children) {}

  std::vector<FoundProcess> TakeNew() override;
  std::vector<Warning> TakeWarnings() override;
  Dropped TakeUnseen() override { return std::exchange(unseen_, {}); }
  void Release(const FoundProcess& process) override;
  std::optional<EndReason> ReasonToEnd() override;
  [[nodiscard]] std::optional<attach::ProcessEnd> HowTargetEnded() const override { return program_.end(); }
  [[nodiscard]] std::optional<std::string> WhyNoAgent() const override;
  [[nodiscard]] std::vector<int> wakers() const override;

 private:
  /// A process that is not watched, but keeps its region as long as it runs.
  struct Bystander {
    attach::ProcessIdentity process;
    attach::Heartbeat heartbeat;
  };

  /// What the program itself has become by exec, and whether its agent is there.
  void LookAtProgram(std::vector<FoundProcess>& found);
  void TakeRegion(attach::Heartbeat heartbeat, std::vector<FoundProcess>& found);
  /// Its process ended before it could be looked at.
  void ForgetUnseen(const attach::Heartbeat& heartbeat);
  void FreeRegionsOfEndedBystanders();
  void Warn(const std::string& code, const std::string& message, std::optional<int> pid);

  attach::PreloadSession* session_;
  ChildProgram& program_;
  const SignalRelay& relay_;
  bool children_;
  attach::RegionClaims claims_;
  std::vector<Bystander> bystanders_;
  attach::RunningProgram running_;  ///< By the program's own process, when it was last looked at.
  bool checked_ = false;            ///< Whether it has an agent is known.
  std::chrono::steady_clock::time_point next_look_{};
  std::uint64_t unwatched_processes_ = 0;  ///< As far as they have been told of.
  std::vector<Warning> warnings_;
  Dropped unseen_;
};

}  // namespace pyleak::cli
