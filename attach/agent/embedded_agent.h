#pragma once

#include <cstddef>
#include <span>

namespace pyleak::attach {

/// The agent's shared object, byte for byte as it is built: one ELF file with an executable and a writable PT_LOAD,
/// no DT_NEEDED and no relocation that an attach would have to apply. `run` writes it to a file and names it in
/// LD_PRELOAD; `attach` maps its segments itself. Its dynamic symbols are the functions it wraps, under their own
/// names, and pyleak_context, pyleak_begin, pyleak_install and pyleak_remove (protocol.h).
std::span<const std::byte> EmbeddedAgent();

}  // namespace pyleak::attach
