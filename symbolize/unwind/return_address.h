#pragma once

#include <optional>

#include "attach/base/remote_address.h"
#include "attach/memory/stack_snapshot.h"
#include "symbolize/elf/module_map.h"

namespace pyleak::symbolize {

/// Whether a module was compiled without unwind tables, as musl's C library is: it has none, or hardly any for so much
/// code. Single functions without (assembly, Node's builtins) do not count: those keep frame pointers as a rule.
bool HasNoTables(const Module& module);

/// Where on the stack the return address of a function without unwind tables lies, which stands at `program_counter`:
/// the first word from `stack_pointer` on that could be one, for it points behind a call that could be of this
/// function. A guess, if mostly a right one.
std::optional<RemoteAddress> FindReturnAddress(const ModuleMap& modules, const attach::StackSnapshot& stack,
                                               RemoteAddress program_counter, RemoteAddress stack_pointer);

}  // namespace pyleak::symbolize
