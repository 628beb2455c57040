/// A copied stack whose registers, words and unwind tables are all made up.
#include <unistd.h>

#include "symbolize/unwind/unwinder.h"
#include "tests/fuzz/recorded_memory.h"

namespace {

/// Where the module lies; the pages of a stack lie wherever the input says.
constexpr std::uint64_t kBase = 0x40000000;
constexpr std::uint64_t kModuleBytes = 0x100000;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyleak;
  static const auto process = attach::ProcessIdentity::Open(::getpid());
  fuzz::Input input(data, size);
  attach::Registers registers;
  for (std::uint64_t& value : registers.by_dwarf_number) value = input.Number<std::uint64_t>();
  const auto stack = input.Bytes(input.Number<std::uint16_t>());
  const attach::StackSnapshot snapshot(registers, registers.stack_pointer(), {stack.begin(), stack.end()}, false);
  auto image = symbolize::ElfImage::FromBytes({input.rest().begin(), input.rest().end()});
  if (!image) return 0;

  const fuzz::RecordedMemory no_memory(fuzz::Input(nullptr, 0));
  auto modules = symbolize::ModuleMap::Over(*process, no_memory, attach::MemoryMap({}));
  modules.AddImage({RemoteAddress(kBase), RemoteAddress(kBase + kModuleBytes)}, "module", *std::move(image), kBase);
  symbolize::Unwinder unwinder(modules);
  const symbolize::RawStack raw = unwinder.Unwind(snapshot);
  fuzz::Check(!raw.frames.empty() && raw.complete == raw.incomplete.empty());
  fuzz::Check(!unwinder.Unwind(snapshot).frames.empty());  // once more, by way of the unwinder's cache
  return 0;
}
