#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "attach/base/remote_address.h"
#include "cli/explain/evidence.h"
#include "cli/watch/sampler.h"
#include "cli/watch/watched_process.h"

namespace pyleak::cli {

/// The thread that had the lock. Nothing in its sample has a name yet.
struct RawHolder {
  int tid = 0;  ///< In pyleak's pid namespace.
  std::string name;
  std::optional<RawSample> sample;  ///< Taken while it had the lock; none where it could not be.
};

/// The lock that a thread was seen to sleep for.
struct RawLock {
  LockKind kind = LockKind::kGil;
  AddressRange place;               ///< What those who wait for it sleep on.
  std::optional<RawHolder> holder;  ///< None: not known for certain.
};

/// The lock that the thread `waiter` slept for when `sample` was taken of it, and who has it: that one is held for a
/// moment too. Null: it slept for none that is known. A mutex is one only if the sample's stack says so (IsMutexWait).
std::shared_ptr<const RawLock> LookAtAwaitedLock(Sampler& sampler, WatchedProcess& process, const RawSample& sample,
                                                 int waiter);

/// The GIL, if looks have met a thread of the process asleep for it. Stops nothing.
std::optional<AwaitedLock> FindAwaitedGil(const WatchedProcess& process, std::span<const SeenActivity> seen);

/// Whether the stack of a thread that sleeps on a futex waits for a pthread_mutex_t there.
bool IsMutexWait(const symbolize::Stack& native);

}  // namespace pyleak::cli
