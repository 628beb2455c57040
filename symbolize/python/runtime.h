#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "attach/base/remote_address.h"
#include "attach/base/result.h"
#include "attach/memory/memory_reader.h"
#include "symbolize/elf/module_map.h"
#include "symbolize/python/layout.h"

namespace pyleak::symbolize::python {

/// A CPython in the target: the one variable that everything else hangs from, and how to read it.
struct Runtime {
  RemoteAddress address;  ///< Of _PyRuntime.
  Layout layout;
  std::string module_path;  ///< Of the ELF file that has the interpreter's code: Module::path.
  /// Where a thread's number lies from its thread pointer on, as the C library tells debuggers; nothing: it does not.
  std::optional<std::uint64_t> tid_in_thread;
};

/// Nothing if no module has a CPython in it, which is not an Error; an Error if there is one that pyleak cannot read.
/// The version is what the runtime itself says, never what a file is called.
Result<std::optional<Runtime>> FindRuntime(const ModuleMap& modules, const attach::MemoryReader& memory);

}  // namespace pyleak::symbolize::python
