/// A module's file.
#include "symbolize/elf/elf_image.h"

#include "tests/fuzz/input.h"

namespace {

void CheckWithin(std::span<const std::byte> part, std::span<const std::byte> whole) {
  pyleak::fuzz::Check(part.empty() || (part.data() >= whole.data() && part.size() <= whole.size() &&
                                       part.data() + part.size() <= whole.data() + whole.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyleak;
  const auto bytes = fuzz::Input(data, size).rest();
  const auto made = symbolize::ElfImage::FromBytes({bytes.begin(), bytes.end()});
  if (!made) return 0;
  const symbolize::ElfImage& image = **made;
  std::vector<std::uint64_t> addresses = {0, 1, image.entry(), ~std::uint64_t{0}, image.unwind_index().value_or(0)};
  for (const symbolize::ElfImage::Segment& segment : image.segments()) {
    addresses.push_back(segment.address);
    addresses.push_back(segment.address + segment.file_size - 1);
  }
  for (const std::uint64_t address : addresses) {
    CheckWithin(image.BytesAt(address), image.bytes());
    const auto symbol = image.FunctionAt(address);
    if (symbol) CheckWithin(std::as_bytes(std::span(symbol->name)), image.bytes());
  }
  for (const char* name : {".PyRuntime", ".gnu_debuglink", ".text"}) {
    if (const auto section = image.FindSection(name)) CheckWithin(section->bytes, image.bytes());
  }
  (void)image.FindSymbol("_PyRuntime");
  fuzz::Check(image.build_id_hex().size() <= 2 * size);
  return 0;
}
