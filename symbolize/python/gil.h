#pragma once

#include <cstdint>
#include <optional>

#include "attach/base/remote_address.h"
#include "attach/memory/memory_reader.h"
#include "symbolize/python/layout.h"
#include "symbolize/python/runtime.h"

namespace pyleak::symbolize::python {

/// What a GIL says of itself at one moment.
struct GilState {
  RemoteAddress holder;        ///< Its PyThreadState; null: nobody has the GIL.
  std::uint64_t switches = 0;  ///< How often it has gone from one thread to another.

  bool operator==(const GilState&) const = default;
};

/// Whom a PyThreadState belongs to.
struct StateOwner {
  RemoteAddress thread_pointer;  ///< pthread_t
  int tid = 0;                   ///< In the target's own pid namespace.
};

/// The words of the GIL that a thread waits for which sleeps on the futex there: begin and end of what its waiters
/// sleep on. Nothing: that futex is no GIL's.
std::optional<AddressRange> FindGilOfFutex(const Runtime& runtime, const attach::MemoryReader& memory,
                                           RemoteAddress futex);

/// `waits`: from FindGilOfFutex.
std::optional<GilState> ReadGilState(const Layout& layout, const attach::MemoryReader& memory, AddressRange waits);

/// Nothing where CPython does not know its threads by number (before 3.11) and the C library does not say how it does.
std::optional<StateOwner> FindOwner(const Runtime& runtime, const attach::MemoryReader& memory, RemoteAddress state);

}  // namespace pyleak::symbolize::python
