#pragma once

#include <optional>
#include <string>

#include "attach/memory/memory_reader.h"
#include "attach/proc/process_identity.h"
#include "attach/trace/thread_look.h"

namespace pyleak::attach {

/// What a system call works on, or waits for.
struct CallObject {
  std::optional<int> descriptor;
  std::string name;  ///< A path, a peer's address, "process 4243 (sleep)"; empty: not known. The target's: any bytes.
};

/// Of a thread that sleeps in that call: what its arguments stand for at this moment. Stops nothing.
CallObject ObjectOfCall(const ThreadActivity& activity, const MemoryReader& memory, const ProcessIdentity& process);

}  // namespace pyleak::attach
