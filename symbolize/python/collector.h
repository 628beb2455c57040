#pragma once

#include <optional>

#include "attach/base/remote_address.h"
#include "attach/memory/memory_reader.h"
#include "attach/memory/stack_snapshot.h"
#include "symbolize/python/layout.h"
#include "symbolize/python/working_set.h"

namespace pyleak::symbolize::python {

/// A garbage collection that an interpreter was in.
struct Collection {
  AddressRange state;  ///< _gc_runtime_state
  int generation = 0;
};

/// That of the first interpreter of the process that is in one. Up to 3.13, whose collector is not incremental.
std::optional<Collection> FindCollection(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set,
                                         RemoteAddress runtime);

/// Whether it is this thread that collects: the collector keeps addresses of its lists at hand.
bool IsCollecting(const attach::StackSnapshot& thread, const Collection& collection);

}  // namespace pyleak::symbolize::python
