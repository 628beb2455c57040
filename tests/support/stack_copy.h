#pragma once

#include "attach/memory/memory_reader.h"
#include "attach/memory/stack_snapshot.h"

namespace pyleak::testing_support {

/// Registers and stack of a thread, as they stand while it is held for a moment. Aborts the test program on failure.
attach::StackSnapshot CopyStack(int tid, const attach::MemoryReader& memory);

/// Waits until the thread sleeps in the kernel (state S of proc(5)), with a deadline of some seconds.
void WaitUntilAsleep(int tid);

}  // namespace pyleak::testing_support
