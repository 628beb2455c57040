#pragma once

#include "attach/base/result.h"
#include "attach/memory/memory_reader.h"
#include "attach/proc/maps.h"
#include "attach/trace/arch/signal_frame.h"

namespace pyleak::attach {

/// The code that a borrowed thread runs through, looked for in the target's libc first and then in everything else that
/// it maps from files. kRefused: there is none to borrow one by.
/// Ways out of the agent may be missing, where a thread that was led out could not be unwound.
Result<arch::Gadgets> LocateGadgets(const MemoryReader& memory, const MemoryMap& map);

}  // namespace pyleak::attach
