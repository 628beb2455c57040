#pragma once

#include <compare>
#include <cstdint>

#include "attach/base/remote_address.h"
#include "attach/base/result.h"

namespace pyleak::attach {

/// One program run by one process: an exec makes another of it.
struct RunningProgram {
  int pid = 0;
  std::uint64_t start_ticks = 0;
  /// Where its stack began, which no program unmaps, and which is nearly always elsewhere after an exec.
  RemoteAddress stack_start;

  static Result<RunningProgram> Of(int pid);

  auto operator<=>(const RunningProgram&) const = default;
};

}  // namespace pyleak::attach
