#pragma once

#include <functional>

#include "attach/base/result.h"

namespace pyleak::attach {

/// Runs `work`, a few microseconds, while nobody else in any namespace does the same with that process: its first
/// thread is seized meanwhile, which one tracer alone can do, and is not stopped. kAlreadyTraced: a debugger holds it.
Result<void> ExcludingOthers(int pid, const std::function<Result<void>()>& work);

}  // namespace pyleak::attach
