#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "attach/base/result.h"
#include "cli/report/event.h"

namespace pyleak::cli {

/// What decides whether pyleak may reach a process, as far as /proc tells.
struct TargetFacts {
  int pid = 0;
  std::optional<std::uint32_t> uid;  ///< Whose process it is; none: it has gone, or is hidden.
  std::optional<std::uint32_t> gid;
  std::uint32_t own_uid = 0;
  std::uint32_t own_gid = 0;
  bool may_trace_all = false;     ///< pyleak has CAP_SYS_PTRACE.
  bool may_read_all = false;      ///< pyleak has CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE.
  bool more_capable = false;      ///< It has a capability that pyleak has not.
  bool closed_to_others = false;  ///< Not dumpable (PR_SET_DUMPABLE(2const)): closed also to its own user.
  /// kernel.yama.ptrace_scope: 1 only descendants, 2 only with CAP_SYS_PTRACE, 3 nobody
  /// (Documentation/admin-guide/LSM/Yama.rst); none: no Yama in this kernel.
  std::optional<int> yama_scope;
  int tracer_pid = 0;  ///< Who traces it already; 0: nobody.
  std::string tracer_name;
};

TargetFacts ReadTargetFacts(int pid);

/// One line that says what the user can do about a failure to reach the process; empty: nothing helps.
std::string Advice(ErrorCode code, const TargetFacts& facts);

/// What the caller may look into at all, whichever process it is: the subject "rights" of doctor. `facts`: of pyleak
/// itself.
Check CheckOfRights(const TargetFacts& facts);

/// What is missing where `run` cannot begin.
inline constexpr const char* kNoPlaceForFiles = "pyleak needs a directory for temporary files that it may execute from";

}  // namespace pyleak::cli
