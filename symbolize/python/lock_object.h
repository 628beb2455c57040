#pragma once

#include <optional>

#include "attach/base/remote_address.h"
#include "attach/memory/memory_reader.h"
#include "attach/memory/stack_snapshot.h"
#include "symbolize/python/layout.h"

namespace pyleak::symbolize::python {

/// A threading.Lock or threading.RLock that a thread sleeps for.
struct LockObject {
  bool reentrant = false;  ///< An RLock. A Lock does not know who has it.
  RemoteAddress owner;     ///< Thread pointer (pthread_t) of who has the RLock; null: nobody.

  bool operator==(const LockObject&) const = default;
};

/// The object of the lock whose semaphore is the futex there, if the sleeper's registers or the innermost part
/// of its stack know it.
/// Up to 3.13: later ones have locks without a semaphore.
std::optional<LockObject> FindLockObject(const Layout& layout, const attach::MemoryReader& memory,
                                         const attach::StackSnapshot& sleeper, RemoteAddress futex);

}  // namespace pyleak::symbolize::python
