#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/trace/call_object.h"
#include "attach/trace/thread_look.h"
#include "cli/explain/time_use.h"
#include "cli/report/event.h"
#include "symbolize/stack.h"

namespace pyleak::cli {

enum class LockKind {
  kGil,
  kMutex,       ///< pthread_mutex_t
  kPythonLock,  ///< threading.Lock, which does not know who has it.
  kPythonRLock,
};

/// The lock that the thread slept for.
struct AwaitedLock {
  LockKind kind = LockKind::kGil;
  AddressRange place;            ///< What those who wait for it sleep on.
  std::optional<Holder> holder;  ///< None: not known for certain.
};

/// What one sample tells of the reason.
struct SampleEvidence {
  attach::ThreadActivity activity;
  attach::CallObject object;
  std::optional<AwaitedLock> lock;
  /// The garbage collection that the thread was in: "generation 2"; empty: not known which.
  std::optional<std::string> collection;
};

/// A thing that the thread was seen to do while the block lasted.
struct SeenActivity {
  attach::ThreadActivity activity;
  char state = '?';                 ///< As proc(5) has it: R, S, D, T, t.
  std::chrono::nanoseconds time{};  ///< For how long, as far as looks can tell.
};

/// What was measured over a block without stopping its thread.
struct BlockMeasure {
  std::optional<TimeUse> use;  ///< None: the kernel does not count, or the beginning was not seen.
  std::vector<SeenActivity> seen;
  std::optional<AwaitedLock> gil;  ///< Some of `seen` was a sleep for it. Its holder is known from samples only.
};

/// All that is known of one block's reason.
struct BlockEvidence {
  std::chrono::nanoseconds duration{};
  bool ongoing = false;
  std::string loop_kind;
  std::vector<SampleEvidence> samples;
  const symbolize::Stack* stack = nullptr;  ///< That stands for all samples. Not owned; null: there is none.
  BlockMeasure measure;
};

}  // namespace pyleak::cli
