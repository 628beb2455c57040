#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/base/result.h"
#include "attach/memory/memory_reader.h"
#include "symbolize/elf/module_map.h"
#include "symbolize/python/code_cache.h"
#include "symbolize/python/collector.h"
#include "symbolize/python/frame_chain.h"
#include "symbolize/python/python_stack.h"
#include "symbolize/python/running_task.h"
#include "symbolize/python/runtime.h"
#include "symbolize/redaction.h"
#include "symbolize/source_text.h"

namespace pyleak::symbolize::python {

/// What Interpreter::Capture copies of a thread: enough to name its frames when the thread runs again. A value.
struct RawPythonStack {
  FrameChain chain;                                          ///< Cut where there is no code object.
  std::vector<CodeCache::Pointer> code;                      ///< Of each link of `chain`.
  std::optional<std::vector<std::vector<Variable>>> locals;  ///< Of each link, if they were asked for.
  std::optional<TaskName> task;
  std::optional<Collection> collection;  ///< Some thread was in it.
};

/// The CPython of one process. Not thread-safe. After an exec of the target, make another one.
class Interpreter {
 public:
  explicit Interpreter(Runtime runtime) : runtime_(std::move(runtime)) {}
  /// Nothing, which is not an Error, if the process has no CPython; an Error if it has one that pyleak cannot read.
  static Result<std::optional<Interpreter>> Find(const ModuleMap& modules, const attach::MemoryReader& memory);

  [[nodiscard]] Version version() const { return runtime_.layout.version; }
  [[nodiscard]] const Runtime& runtime() const { return runtime_; }

  /// Finds what Capture needs to know of tasks, and what may take too long to be found while a thread is held.
  void Prepare(const attach::MemoryReader& memory) { tasks_.Find(runtime_.layout, memory, runtime_.address); }

  /// Copies the frames of a thread that is held in a ptrace stop, or sleeps. A thread seen before costs one system call
  /// or a few, a new one a handful and those for new code objects. No files, no symbols, nothing unbounded. Empty and
  /// complete if the thread runs no Python.
  ///
  /// `thread_pointer`: Registers::thread_pointer; null where it is not known, and then `tid`, in the target's own pid
  /// namespace, tells the thread (3.11 and later only). `locals`: copy the local variables too, but for those that it
  /// hides; a few hundred microseconds more the first time.
  RawPythonStack Capture(const attach::MemoryReader& memory, int tid, RemoteAddress thread_pointer,
                         const Redaction* locals = nullptr);

  /// Names what was captured. Reads source files and nothing else of the target.
  [[nodiscard]] PythonStack Resolve(const RawPythonStack& raw, SourceText& source) const;

 private:
  struct Thread {
    RemoteAddress state;
    WorkingSet memory;
  };

  Thread& Remember(int tid);
  [[nodiscard]] Frame Name(const FrameChain::Link& link, const CodeObject& code, SourceText& source) const;

  Runtime runtime_;
  CodeCache codes_;
  RunningTasks tasks_;
  std::unordered_map<int, Thread> threads_;
};

}  // namespace pyleak::symbolize::python
