#include "cli/advice.h"

#include <fmt/format.h>
#include <linux/capability.h>
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

std::string HowToBePermitted(const TargetFacts& facts) {
  if (facts.yama_scope == 3) {
    return "kernel.yama.ptrace_scope is 3: nobody may trace until the next boot; only `pyleak run -- CMD` is left";
  }
  if (facts.may_trace_all) {
    return "a security module, a seccomp profile or a user namespace forbids it; look at the audit log, or try from "
           "the host, or `pyleak run -- CMD`";
  }
  if (facts.uid && *facts.uid != facts.own_uid) {
    return fmt::format("process {} belongs to uid {}, you are uid {}: use sudo, or give pyleak CAP_SYS_PTRACE",
                       facts.pid, *facts.uid, facts.own_uid);
  }
  if (facts.yama_scope.value_or(0) > 0) {
    return fmt::format(
        "kernel.yama.ptrace_scope is {}: use sudo, or `sudo sysctl kernel.yama.ptrace_scope=0`, or "
        "`pyleak run -- CMD`",
        *facts.yama_scope);
  }
  return "the process has more rights than you (set-user-id, capabilities, or it is not dumpable): use sudo";
}

std::string WhoTraces(const TargetFacts& facts) {
  if (facts.tracer_pid == 0) return "a debugger or another tracer holds it: end that one first";
  return fmt::format("{} (pid {}) traces it: end that one first", facts.tracer_name, facts.tracer_pid);
}

}  // namespace

TargetFacts ReadTargetFacts(int pid) {
  TargetFacts facts{.pid = pid, .own_uid = ::getuid(), .yama_scope = ReadYamaScope()};
  if (const auto own = attach::ReadThreadStatus(::getpid())) {
    facts.may_trace_all = (own->effective_capabilities >> CAP_SYS_PTRACE & 1U) != 0;
  }
  const auto target = attach::ReadThreadStatus(pid);
  if (!target) return facts;
  facts.uid = target->user_id;
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

}  // namespace pyleak::cli
