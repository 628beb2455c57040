#pragma once

#include <string>

namespace pyleak::symbolize {

/// The name as it stands in the source, of a C++ or a Rust symbol (legacy mangling without its hash, or v0); any other
/// name as it is, and so is one whose readable form would be longer than anybody reads: a forged one can unfold to
/// more than fits into memory.
std::string Demangle(const std::string& symbol);

}  // namespace pyleak::symbolize
