#include <unistd.h>

#include <optional>
#include <string>

#include "attach/inject/attach_checks.h"
#include "attach/proc/attachable.h"
#include "attach/trace/borrow_candidates.h"
#include "cli/advice.h"
#include "cli/commands/commands.h"
#include "cli/commands/snapshot_printer.h"
#include "cli/complain.h"
#include "cli/exit_status.h"
#include "cli/watch/event_maker.h"
#include "cli/watch/watched_process.h"

namespace pyleak::cli {
namespace {

using Verdict = Check::Verdict;

/// Prints each finding as it comes, and remembers whether one of them is a problem.
class Findings {
 public:
  Findings(SnapshotPrinter& printer, std::optional<int> pid) : printer_(printer), pid_(pid) {}

  void Add(Check check) {
    healthy_ = healthy_ && check.verdict != Verdict::kProblem;
    check.timestamp = Now();
    check.pid = pid_;
    printer_.Print(check);
  }
  void Add(const attach::AttachCheck& check, const std::string& hint) {
    if (check.problem && check.agent_only) {
      may_have_agent_ = false;
      Add({.verdict = Verdict::kNote,
           .subject = check.subject,
           .finding = check.problem->what,
           .hint = "attach does without an agent: it looks from outside, less exactly"});
    } else if (check.problem) {
      Add({.verdict = Verdict::kProblem, .subject = check.subject, .finding = check.problem->what, .hint = hint});
    } else {
      Add({.subject = check.subject, .finding = check.finding});
    }
  }

  [[nodiscard]] bool healthy() const { return healthy_; }
  [[nodiscard]] bool may_have_agent() const { return may_have_agent_; }

 private:
  SnapshotPrinter& printer_;
  std::optional<int> pid_;
  bool healthy_ = true;
  bool may_have_agent_ = true;
};

/// What does not keep a watch from beginning, but makes it less than it could be.
void LookForLimits(int pid, Findings& findings) {
  const auto identity = attach::OpenAttachable(pid);
  if (!identity) return;
  if (!findings.may_have_agent()) {
    // No thread is needed for it then.
  } else if (attach::FindBorrowCandidates(*identity).empty()) {
    findings.Add({.verdict = Verdict::kNote,
                  .subject = "threads",
                  .finding = attach::WhyNoneIsFit(*identity),
                  .hint = "attach looks from outside, less exactly, and goes on trying"});
  } else {
    findings.Add({.subject = "threads", .finding = "one can be borrowed to place the agent"});
  }
  const auto process = WatchedProcess::Open(*identity);
  if (!process) return;
  if (!(*process)->interpreter_problem().empty()) {
    findings.Add({.verdict = Verdict::kNote,
                  .subject = "python",
                  .finding = "its stacks cannot be read: " + (*process)->interpreter_problem(),
                  .hint = "native stacks are shown instead"});
  } else if (const auto& interpreter = (*process)->interpreter()) {
    const std::string version = interpreter->version().ToString();
    findings.Add({.subject = "python", .finding = "CPython " + version + ", whose stacks can be read"});
  }
}

void LookAtProcess(int pid, Findings& findings) {
  for (const attach::AttachCheck& check : attach::CheckAttach(pid)) {
    findings.Add(check, check.problem ? Advice(check.problem->code, ReadTargetFacts(pid)) : "");
  }
  if (findings.healthy()) LookForLimits(pid, findings);
}

void LookAtMachine(Findings& findings) {
  findings.Add(CheckOfRights(ReadTargetFacts(::getpid())));
  findings.Add(attach::CheckRun(), kNoPlaceForFiles);
}

}  // namespace

int RunDoctor(const DoctorOptions& options) {
  auto printer = SnapshotPrinter::Open(options.output);
  if (!printer) {
    Complain(printer.error().what, "give another --output");
    return kExitFailed;
  }
  Findings findings(*printer, options.pid);
  if (options.pid) {
    LookAtProcess(*options.pid, findings);
  } else {
    LookAtMachine(findings);
  }
  const int written = printer->Finish();
  return findings.healthy() ? written : kExitFailed;
}

}  // namespace pyleak::cli
