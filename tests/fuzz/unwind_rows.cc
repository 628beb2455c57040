/// The unwind tables of a target's libc, in its memory, as asked of the places that a thread may be led to.
#include "attach/inject/unwind_rows.h"
#include "tests/fuzz/recorded_memory.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyleak;
  fuzz::Input input(data, size);
  const RemoteAddress index(input.Number<std::uint64_t>());
  const RemoteAddress code(input.Number<std::uint64_t>());
  const fuzz::RecordedMemory memory(input);
  const auto rows = attach::UnwindRows::Read(memory, index);
  if (!rows) return 0;
  for (std::uint64_t at = 0; at < 64; ++at) (void)rows->RowAt(code + at);
  return 0;
}
