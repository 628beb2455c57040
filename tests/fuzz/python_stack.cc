/// The structures of a CPython: which version, then the thread, then its memory as recorded_memory.h has it.
#include <unistd.h>

#include "symbolize/python/gil.h"
#include "symbolize/python/interpreter.h"
#include "tests/fuzz/recorded_memory.h"

namespace {

namespace python = pyleak::symbolize::python;

/// A minor version from 8 to 12 has a table of ours; any other one describes itself.
std::optional<python::Layout> LayoutOf(int minor, pyleak::RemoteAddress runtime,
                                       const pyleak::attach::MemoryReader& memory) {
  if (const python::Layout* known = python::Layout::ForVersion({3, minor})) return *known;
  std::array<std::byte, python::Layout::kDebugOffsetsBytes> beginning{};
  (void)memory.Read(runtime, beginning);
  auto described = python::Layout::FromDebugOffsets(beginning);
  return described ? std::optional(*std::move(described)) : std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyleak;
  static const auto process = attach::ProcessIdentity::Open(::getpid());
  fuzz::Input input(data, size);
  const int minor = input.Number<std::uint8_t>();
  const int tid = input.Number<std::int32_t>();
  const RemoteAddress runtime(input.Number<std::uint64_t>());
  const RemoteAddress thread_pointer(input.Number<std::uint64_t>());
  const fuzz::RecordedMemory memory(input);
  auto layout = LayoutOf(minor, runtime, memory);
  if (!layout) return 0;
  python::Interpreter interpreter(
      {.address = runtime, .layout = *std::move(layout), .module_path = "python", .tid_in_thread = 720});
  if (const auto gil = FindGilOfFutex(interpreter.runtime(), memory, thread_pointer)) {
    const auto state = ReadGilState(interpreter.runtime().layout, memory, *gil);
    if (state) (void)FindOwner(interpreter.runtime(), memory, state->holder);
  }
  symbolize::SourceText source(*process);
  const symbolize::Redaction redaction;
  for (int i = 0; i < 2; ++i) {
    interpreter.Prepare(memory);
    const auto raw = interpreter.Capture(memory, tid, thread_pointer, &redaction);
    const auto resolved = interpreter.Resolve(raw, source);
    std::size_t evaluated = 0;
    for (const auto& evaluation : resolved.evaluations) evaluated += evaluation.frames;
    fuzz::Check(evaluated == resolved.stack.frames.size());
  }
  return 0;
}
