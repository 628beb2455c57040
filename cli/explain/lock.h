#pragma once

#include <string>

#include "attach/trace/thread_look.h"
#include "cli/explain/evidence.h"
#include "cli/report/event.h"

namespace pyleak::cli {

/// The lock that a thread sleeps for which does that; the same object for all that sleep for one lock. Null: for none
/// that is known.
const AwaitedLock* LockOf(const BlockEvidence& evidence, const attach::ThreadActivity& activity);

/// "waiting for the GIL". `stack`: of the waiting thread; null: not known.
std::string WaitText(const AwaitedLock& lock, const symbolize::Stack* stack);

/// Names the thread that had `lock`, if samples know it; the one that most of them met, where there were several.
void AddHolder(const BlockEvidence& evidence, const AwaitedLock& lock, Cause& cause);

}  // namespace pyleak::cli
