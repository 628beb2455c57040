#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "attach/memory/memory_reader.h"
#include "symbolize/python/frame_chain.h"
#include "symbolize/python/layout.h"
#include "symbolize/python/object_reader.h"
#include "symbolize/python/working_set.h"
#include "symbolize/redaction.h"
#include "symbolize/stack.h"

namespace pyleak::symbolize::python {

/// The value of the local variable `name` of a function's frame. As ObjectReader it knows what is there already.
std::optional<RemoteAddress> FindLocal(ObjectReader& reader, const FrameChain::Link& frame, std::string_view name);

/// The local variables of each of `frames`, which are in the order of FrameChain: arguments, variables, those of
/// enclosing functions that are used, and what the body of a class has defined. None of a module, whose variables are
/// global. Those that have no value are left out.
///
/// The thread must be held, or sleep. Takes as many system calls as pointers lead from a frame to the innermost value
/// shown, and one if everything is where it was the last time. Bounded in frames, variables, items, depth and text; the
/// innermost frames come first.
std::vector<std::vector<Variable>> ReadLocals(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set,
                                              std::span<const FrameChain::Link> frames, const Redaction& redaction);

}  // namespace pyleak::symbolize::python
