#pragma once

#include <cstddef>

namespace pyleak::attach {

/// Lets the calling thread run before ordinary ones, where pyleak may, but not the threads and processes that it
/// starts: a thread that holds another must not wait for a CPU itself, nor one that is to look at a certain moment.
/// Beside busy neighbours the longest freezes shrink from milliseconds to microseconds.
void RaisePriority();

/// Gives the calling thread so much memory, that it can allocate from without asking the kernel. To grow a heap takes
/// the lock of our own address space, which another thread of ours may hold while it waits for a disk; whoever holds a
/// thread of the target must not wait for that.
void KeepMemoryReady(std::size_t bytes);

}  // namespace pyleak::attach
