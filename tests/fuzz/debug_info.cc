/// The debug information in a module's file.
#include "symbolize/dwarf/debug_info.h"

#include <unistd.h>

#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyleak;
  static const auto process = attach::ProcessIdentity::Open(::getpid());
  const auto bytes = fuzz::Input(data, size).rest();
  auto image = symbolize::ElfImage::FromBytes({bytes.begin(), bytes.end()});
  if (!image) return 0;
  std::vector<std::uint64_t> addresses = {0, (*image)->entry(), ~std::uint64_t{0}};
  for (const auto& segment : (*image)->segments()) {
    for (std::uint64_t i = 0; i < 64; ++i) addresses.push_back(segment.address + i * 4);
  }
  symbolize::DebugInfo info(*image, "/nowhere/module", attach::TargetFiles(*process));
  for (const std::uint64_t address : addresses) {
    for (const symbolize::SourceLocation& location : info.At(address)) fuzz::Check(location.lineno >= 0);
  }
  return 0;
}
