/// The name of a symbol.
#include "symbolize/dwarf/demangle.h"

#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyleak;
  std::string symbol = fuzz::Input::TextOf(fuzz::Input(data, size).rest());
  symbol.resize(symbol.find('\0') == std::string::npos ? symbol.size() : symbol.find('\0'));
  for (const char* prefix : {"", "_Z", "_R"}) (void)symbolize::Demangle(prefix + symbol);
  return 0;
}
