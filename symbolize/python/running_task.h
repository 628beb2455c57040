#pragma once

#include <optional>
#include <span>
#include <unordered_map>

#include "attach/base/remote_address.h"
#include "attach/memory/memory_reader.h"
#include "symbolize/python/code_cache.h"
#include "symbolize/python/frame_chain.h"
#include "symbolize/python/layout.h"
#include "symbolize/python/python_stack.h"
#include "symbolize/python/working_set.h"

namespace pyleak::symbolize::python {

/// The tasks that are running. asyncio has a table of them, one for each event loop, in every interpreter of a process;
/// it is there whichever loop runs the tasks, uvloop's included. From 3.14 on there is none. Trio's loop has its task
/// in a local variable.
class RunningTasks {
 public:
  /// Looks for tables that are not known yet: a handful of system calls, many where modules have been imported since
  /// the last time. No thread should be held meanwhile.
  void Find(const Layout& layout, const attach::MemoryReader& memory, RemoteAddress runtime);

  /// The task that the thread with the frames `chain` runs. It counts only if a frame of its coroutine is among them,
  /// so what other threads do meanwhile cannot deceive. As for ReadFrameChain, the thread is held, or sleeps.
  /// `code`: of each link of the chain, or of the first ones.
  [[nodiscard]] std::optional<TaskName> Of(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set,
                                           const FrameChain& chain, std::span<const CodeCache::Pointer> code) const;

 private:
  struct Interpreter {
    std::uint64_t modules_seen = 0;  ///< Number of modules when the table was last looked for.
    RemoteAddress table;             ///< Null: not found.
  };

  std::unordered_map<RemoteAddress, Interpreter> interpreters_;
};

}  // namespace pyleak::symbolize::python
