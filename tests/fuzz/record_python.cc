/// Writes an input for fuzz_python_stack: the main thread of a live Python, and the memory that a capture of it reads.
///     record_python PID > INPUT
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "attach/memory/process_memory.h"
#include "symbolize/python/interpreter.h"

namespace pyleak::fuzz {
namespace {

void Write(const void* data, std::size_t size) { std::fwrite(data, 1, size, stdout); }

template <typename T>
void WriteNumber(T number) {
  Write(&number, sizeof number);
}

/// Writes down what is read through it.
class Recorder : public attach::MemoryReader {
 public:
  explicit Recorder(const attach::MemoryReader& memory) : memory_(memory) {}

  std::size_t Read(RemoteAddress from, std::span<std::byte> into) const override {
    const std::size_t count = memory_.Read(from, into);
    WriteNumber(from.value());
    WriteNumber(static_cast<std::uint16_t>(count));
    Write(into.data(), static_cast<std::uint16_t>(count));
    return count;
  }

 private:
  const attach::MemoryReader& memory_;
};

int Record(int pid) {
  const auto process = attach::ProcessIdentity::Open(pid);
  if (!process) return 1;
  const auto memory = attach::ProcessMemory::Open(*process);
  if (!memory) return 1;
  const auto modules = symbolize::ModuleMap::Read(*process, *memory);
  if (!modules) return 1;
  auto runtime = symbolize::python::FindRuntime(*modules, *memory);
  if (!runtime || !runtime->has_value()) return 1;
  // By its thread pointer, which every version has: the first thread's is found by a capture of the tid where possible.
  const auto& layout = (*runtime)->layout;
  const auto interpreter = memory->ReadValue<RemoteAddress>((*runtime)->address + layout.runtime.interpreters_head);
  const auto state = memory->ReadValue<RemoteAddress>(*interpreter + layout.interpreter.threads_head);
  const auto thread_pointer = memory->ReadValue<RemoteAddress>(*state + layout.thread.thread_id);
  WriteNumber(static_cast<std::uint8_t>(layout.version.minor));
  WriteNumber(std::int32_t{pid});
  WriteNumber((*runtime)->address.value());
  WriteNumber(thread_pointer->value());
  const Recorder recorder(*memory);
  std::array<std::byte, symbolize::python::Layout::kDebugOffsetsBytes> beginning{};
  recorder.Read((*runtime)->address, beginning);
  symbolize::python::Interpreter python(**std::move(runtime));
  python.Prepare(recorder);
  const symbolize::Redaction redaction;
  return python.Capture(recorder, pid, *thread_pointer, &redaction).code.empty() ? 1 : 0;
}

}  // namespace
}  // namespace pyleak::fuzz

int main(int argc, char** argv) { return argc == 2 ? pyleak::fuzz::Record(std::atoi(argv[1])) : 2; }
