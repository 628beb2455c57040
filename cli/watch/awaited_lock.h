#pragma once

#include <memory>
#include <optional>
#include <string>

#include "attach/base/remote_address.h"
#include "attach/trace/thread_look.h"
#include "cli/explain/evidence.h"
#include "cli/watch/sampler.h"
#include "cli/watch/watched_process.h"

namespace pyleak::cli {

/// The thread that had the GIL. Nothing in its sample has a name yet.
struct RawHolder {
  int tid = 0;  ///< In pyleak's pid namespace.
  std::string name;
  std::optional<RawSample> sample;  ///< Taken while it had the GIL; none where it could not be.
};

/// The GIL that a thread was seen to sleep for.
struct RawLock {
  AddressRange place;               ///< What those who wait for it sleep on.
  std::optional<RawHolder> holder;  ///< None: not known for certain.
};

/// The GIL that the thread `waiter` sleeps for, given what it is doing, and who has it: that one is held for a moment
/// too. Null: it sleeps for none.
std::shared_ptr<const RawLock> LookAtAwaitedLock(Sampler& sampler, WatchedProcess& process,
                                                 const attach::ThreadActivity& activity, int waiter);

}  // namespace pyleak::cli
