#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/memory/memory_reader.h"
#include "symbolize/python/layout.h"
#include "symbolize/python/python_stack.h"
#include "symbolize/python/working_set.h"

namespace pyleak::symbolize::python {

/// Where the interpreter keeps what it knows of one thread: a PyThreadState, or nothing if the thread runs no Python.
/// A thread is told by its thread pointer if that is given (pthread_t is one on glibc and musl, in whichever pid
/// namespace), else by `tid`, which CPython has known since 3.11.
std::optional<RemoteAddress> FindThreadState(const Layout& layout, const attach::MemoryReader& memory,
                                             RemoteAddress runtime, int tid, RemoteAddress thread_pointer);

/// True if the PyThreadState at `state` is that of the thread and has a frame. Then a search would find the same one.
bool IsRunningThreadState(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set,
                          RemoteAddress state, int tid, RemoteAddress thread_pointer);

/// The frames of a thread as they hang together, innermost first.
struct FrameChain {
  struct Link {
    RemoteAddress frame;
    RemoteAddress code;
    /// Layout::frame.instruction as it was read: the number or the address of an instruction.
    std::int64_t instruction = 0;
  };
  std::vector<Link> links;
  std::vector<Evaluation> evaluations;  ///< Innermost first; together they run the frames of `links`.
  bool complete = false;                ///< It reaches the outermost frame.
  std::string note;                     ///< Why not.
};

/// `state`: from FindThreadState. The thread must be held, or sleep: of a running one the chain may be torn, which ends
/// it, and no more.
FrameChain ReadFrameChain(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set,
                          RemoteAddress state);

}  // namespace pyleak::symbolize::python
