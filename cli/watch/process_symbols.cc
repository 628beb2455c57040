#include "cli/watch/process_symbols.h"

#include <utility>

#include "symbolize/merge.h"

namespace pyleak::cli {

Result<std::unique_ptr<ProcessSymbols>> ProcessSymbols::Create(const attach::ProcessIdentity& identity,
                                                               const attach::ProcessMemory& memory) {
  auto modules = symbolize::ModuleMap::Read(identity, memory);
  if (!modules) return std::move(modules).error();
  return std::unique_ptr<ProcessSymbols>(new ProcessSymbols(identity, *std::move(modules)));
}

ProcessSymbols::ProcessSymbols(const attach::ProcessIdentity& identity, symbolize::ModuleMap modules)
    : modules_(std::move(modules)), source_(identity), unwinder_(modules_), symbolizer_(identity, modules_, source_) {}

void ProcessSymbols::AddImage(AddressRange range, std::shared_ptr<const symbolize::ElfImage> image,
                              std::uint64_t bias) {
  const std::lock_guard lock(mutex_);
  modules_.AddImage(range, "pyleak agent", std::move(image), bias);
}

NamedStacks ProcessSymbols::Name(const attach::StackSnapshot& stack, const symbolize::python::Interpreter* interpreter,
                                 const symbolize::python::RawPythonStack& python) {
  const std::lock_guard lock(mutex_);
  modules_.Refresh();
  NamedStacks named;
  named.native = symbolizer_.Symbolize(unwinder_.Unwind(stack));
  if (interpreter == nullptr) {
    named.python.complete = true;
    named.blocking = named.native;
    return named;
  }
  symbolize::PythonStack resolved = interpreter->Resolve(python, source_);
  named.blocking = symbolize::Merge(named.native, resolved);
  named.python = std::move(resolved.stack);
  return named;
}

symbolize::Stack ProcessSymbols::NamePython(const symbolize::python::Interpreter& interpreter,
                                            const symbolize::python::RawPythonStack& python) {
  const std::lock_guard lock(mutex_);
  return interpreter.Resolve(python, source_).stack;
}

symbolize::WaitCaller ProcessSymbols::CallerAt(RemoteAddress return_address) {
  const std::lock_guard lock(mutex_);
  const symbolize::Module* module = modules_.Find(return_address - 1);
  if (module == nullptr && modules_.Refresh()) module = modules_.Find(return_address - 1);
  if (module == nullptr) return {};
  // A distribution's uvloop calls a libuv of its own file; uvloop is what the user knows.
  if (module->path.find("/libuv.") != std::string::npos) {
    for (const symbolize::Module* other : modules_.modules()) {
      if (other->path.find("/uvloop/") != std::string::npos) return {other->path, ""};
    }
  }
  return {module->path, symbolizer_.FunctionNameAt(return_address - 1).value_or("")};
}

Result<std::optional<symbolize::python::Interpreter>> ProcessSymbols::FindInterpreter(
    const attach::MemoryReader& memory) {
  const std::lock_guard lock(mutex_);
  modules_.Refresh();
  return symbolize::python::Interpreter::Find(modules_, memory);
}

}  // namespace pyleak::cli
