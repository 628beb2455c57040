#include "cli/advice.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "attach/base/file.h"
#include "attach/proc/stat.h"
#include "attach/proc/thread_status.h"

namespace pyleak::cli {
namespace {

std::optional<int> ReadYamaScope() {
  auto text = ReadTextFile("/proc/sys/kernel/yama/ptrace_scope");
  int scope = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), scope).ec != std::errc()) return std::nullopt;
  return scope;
}

bool Has(const attach::ThreadStatus& status, unsigned capability) {
  return (status.effective_capabilities >> capability & 1U) != 0;
}

/// The files of a process that is not dumpable are root's, its directory is not (task_dump_owner() in fs/proc/base.c).
bool IsClosedToOthers(int pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  struct stat process {};
  struct stat memory {};
  return ::stat(directory.c_str(), &process) == 0 && ::stat((directory + "/mem").c_str(), &memory) == 0 &&
         process.st_uid != memory.st_uid;
}

/// Why the kernel takes the process for somebody else's (ptrace(2), Ptrace access mode checking); empty: it does not.
std::string WhatSetsItApart(const TargetFacts& facts) {
  if (!facts.uid) return fmt::format("process {} cannot be seen", facts.pid);
  if (*facts.uid != facts.own_uid) {
    return fmt::format("process {} belongs to uid {}, you are uid {}", facts.pid, *facts.uid, facts.own_uid);
  }
  if (facts.gid && *facts.gid != facts.own_gid) {
    return fmt::format("process {} runs with gid {}, you with gid {}", facts.pid, *facts.gid, facts.own_gid);
  }
  if (facts.closed_to_others) {
    return fmt::format("process {} is closed to tracing (set-user-id, file capabilities, or PR_SET_DUMPABLE)",
                       facts.pid);
  }
  if (facts.more_capable) return fmt::format("process {} has capabilities that you have not", facts.pid);
  return "";
}

std::string HowToBePermitted(const TargetFacts& facts) {
  if (facts.yama_scope == 3) {
    return "kernel.yama.ptrace_scope is 3: nobody may trace until the next boot, which must set it to less";
  }
  const std::string apart = WhatSetsItApart(facts);
  if (facts.may_trace_all && !facts.may_read_all && !apart.empty()) {
    return apart + ": CAP_SYS_PTRACE needs CAP_DAC_READ_SEARCH beside it; see PERMISSIONS in pyleak(1)";
  }
  if (facts.may_trace_all) {
    return "a security module, a seccomp profile or a user namespace forbids it; look at the audit log, or try from "
           "the host, or `pyleak run -- CMD`";
  }
  if (!apart.empty()) return apart + ": use sudo, or see PERMISSIONS in pyleak(1)";
  switch (facts.yama_scope.value_or(0)) {
    case 0:
      return "a security module or a seccomp profile forbids it: use sudo, or look at the audit log";
    case 1:
      return "kernel.yama.ptrace_scope is 1, only its own descendants may be traced: use sudo, or "
             "`sudo sysctl kernel.yama.ptrace_scope=0`, or `pyleak run -- CMD`";
    default:
      return fmt::format("kernel.yama.ptrace_scope is {}: use sudo, or `sudo sysctl kernel.yama.ptrace_scope=0`",
                         *facts.yama_scope);
  }
}

std::string WhoTraces(const TargetFacts& facts) {
  if (facts.tracer_pid == 0) return "a debugger or another tracer holds it: end that one first";
  return fmt::format("{} (pid {}) traces it: end that one first", facts.tracer_name, facts.tracer_pid);
}

}  // namespace

TargetFacts ReadTargetFacts(int pid) {
  TargetFacts facts{.pid = pid, .own_uid = ::getuid(), .own_gid = ::getgid(), .yama_scope = ReadYamaScope()};
  const auto own = attach::ReadThreadStatus(::getpid());
  if (own) {
    facts.may_trace_all = Has(*own, CAP_SYS_PTRACE);
    facts.may_read_all = Has(*own, CAP_DAC_READ_SEARCH) || Has(*own, CAP_DAC_OVERRIDE);
  }
  const auto target = attach::ReadThreadStatus(pid);
  if (!target) return facts;
  facts.uid = target->user_id;
  facts.gid = target->group_id;
  facts.more_capable = own && (target->permitted_capabilities & ~own->permitted_capabilities) != 0;
  facts.closed_to_others = IsClosedToOthers(pid);
  facts.tracer_pid = target->tracer_pid;
  if (const auto tracer = attach::ReadStat(facts.tracer_pid)) facts.tracer_name = tracer->name;
  return facts;
}

std::string Advice(ErrorCode code, const TargetFacts& facts) {
  switch (code) {
    case ErrorCode::kNoSuchProcess:
      return "`pyleak list` shows the processes with an event loop; in a container, give the pid as seen from here";
    case ErrorCode::kNotPermitted:
      return HowToBePermitted(facts);
    case ErrorCode::kAlreadyTraced:
      return WhoTraces(facts);
    case ErrorCode::kAlreadyWatched:
      return "another pyleak watches it: end that one first";
    case ErrorCode::kZombie:
      return "it has ended, and only its parent can take it away: watch the process that replaced it";
    case ErrorCode::kKernelThread:
      return "give the pid of a program; `pyleak list` shows those with an event loop";
    case ErrorCode::kStaticProgram:
      return "its wait calls cannot be redirected: link the program dynamically";
    case ErrorCode::kWrongArchitecture:
      return "this pyleak watches 64-bit x86 programs only";
    case ErrorCode::kRefused:
      return "start it under `pyleak run -- CMD`, which changes nothing in a running program";
    case ErrorCode::kTimedOut:
      return "the process does not answer (uninterruptible sleep, or a busy machine): try again";
    case ErrorCode::kInvalidArgument:
      return "pyleak --help shows how it is called";
    case ErrorCode::kSystem:
    case ErrorCode::kCorrupt:
      return "try again; if it stays so, please report it with the output of `pyleak --version`";
  }
  return "";
}

Check CheckOfRights(const TargetFacts& facts) {
  const std::string yama = "kernel.yama.ptrace_scope is " + std::to_string(facts.yama_scope.value_or(0));
  Check check{.subject = "rights"};
  if (facts.yama_scope == 3 || (facts.yama_scope == 2 && !facts.may_trace_all)) {
    check.verdict = Check::Verdict::kProblem;
    check.finding = yama + ": no process may be looked into";
    check.hint = HowToBePermitted(facts);
  } else if (facts.may_trace_all && facts.may_read_all) {
    check.finding = "every process may be looked into";
  } else {
    check.verdict = Check::Verdict::kNote;
    check.finding = facts.yama_scope == 1 ? yama + ": only what `pyleak run` starts may be looked into"
                                          : "only processes with no more rights than your own may be looked into";
    check.hint = "for others use sudo, or see PERMISSIONS in pyleak(1)";
  }
  return check;
}

}  // namespace pyleak::cli
