#pragma once

#include "attach/memory/memory_reader.h"
#include "attach/memory/stack_snapshot.h"
#include "attach/proc/thread_id.h"

namespace pyleak::testing_support {

/// Registers and stack of a thread, as they stand while it is held for a moment. Aborts the test program on failure.
attach::StackSnapshot CopyStack(attach::ThreadId thread, const attach::MemoryReader& memory);

/// Waits until the thread sleeps in the kernel (state S of proc(5)), with a deadline of some seconds.
void WaitUntilAsleep(attach::ThreadId thread);

}  // namespace pyleak::testing_support
