#include "symbolize/dwarf/demangle.h"

#include <libiberty/demangle.h>

#include <csetjmp>

namespace pyleak::symbolize {
namespace {

constexpr std::size_t kMaxNameBytes = 16384;

struct Output {
  std::string text;
  std::jmp_buf too_long;
};

/// The demangler has no way to be told to stop, and time is what a forged name takes most of. Its callback forms keep
/// what they build on the stack, so that they can be left by a jump.
void Append(const char* part, std::size_t length, void* context) {
  Output& output = *static_cast<Output*>(context);
  if (output.text.size() + length > kMaxNameBytes) std::longjmp(output.too_long, 1);
  output.text.append(part, length);
}

using Demangler = decltype(::cplus_demangle_v3_callback);

bool Run(Demangler& demangler, const std::string& symbol, Output& output) {
  output.text.clear();
  if (setjmp(output.too_long) != 0) return false;
  return demangler(symbol.c_str(), DMGL_PARAMS | DMGL_ANSI, Append, &output) != 0;
}

}  // namespace

std::string Demangle(const std::string& symbol) {
  if (!symbol.starts_with("_Z") && !symbol.starts_with("_R")) return symbol;
  if (symbol.size() > kMaxNameBytes) return symbol;
  Output output;
  // Rust first: its legacy mangling is also a valid C++ name, one that ends in a hash.
  const bool known = Run(::rust_demangle_callback, symbol, output) || Run(::cplus_demangle_v3_callback, symbol, output);
  return known ? output.text : symbol;
}

}  // namespace pyleak::symbolize
