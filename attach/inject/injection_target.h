#pragma once

#include "attach/memory/process_memory.h"
#include "attach/proc/process_identity.h"
#include "attach/trace/arch/signal_frame.h"
#include "attach/trace/borrowed_thread.h"
#include "attach/trace/tracer.h"

namespace pyleak::attach {

/// A process in which something is placed or removed, and what that takes. Refers to what its user owns.
struct InjectionTarget {
  const ProcessIdentity& process;
  const ProcessMemory& memory;
  const arch::Gadgets& gadgets;
  Tracer& tracer;
  BorrowOptions borrowing;
};

}  // namespace pyleak::attach
