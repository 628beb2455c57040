#include "cli/watch/process_symbols.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "symbolize/dwarf/demangle.h"
#include "symbolize/merge.h"

namespace pyleak::cli {

attach::CallerVerdict VerdictOf(const symbolize::LoopKind& kind) {
  switch (kind.verdict) {
    case symbolize::LoopKind::Verdict::kLoop:
      return attach::CallerVerdict::kLoop;
    case symbolize::LoopKind::Verdict::kNotLoop:
      return attach::CallerVerdict::kNotLoop;
    case symbolize::LoopKind::Verdict::kUnknown:
      break;
  }
  return attach::CallerVerdict::kUnknown;
}

Result<std::unique_ptr<ProcessSymbols>> ProcessSymbols::Create(const attach::ProcessIdentity& identity,
                                                               const attach::ProcessMemory& memory,
                                                               const attach::RunningProgram& program) {
  auto modules = symbolize::ModuleMap::Read(identity, memory);
  if (!modules) return std::move(modules).error();
  auto caller_modules = symbolize::ModuleMap::Read(identity, memory);
  if (!caller_modules) return std::move(caller_modules).error();
  // The files are opened now: when a stack is to be named the process may have ended.
  static_cast<void>(modules->modules());
  // The index of a large program's symbols takes a while to make; the first block would not wait for it.
  for (const symbolize::Module* module : caller_modules->modules()) {
    if (module->image->entry() != 0) static_cast<void>(module->image->FunctionAt(module->image->entry()));
    break;
  }
  return std::unique_ptr<ProcessSymbols>(
      new ProcessSymbols(identity, memory, program, *std::move(modules), *std::move(caller_modules)));
}

ProcessSymbols::ProcessSymbols(const attach::ProcessIdentity& identity, const attach::ProcessMemory& memory,
                               const attach::RunningProgram& program, symbolize::ModuleMap modules,
                               symbolize::ModuleMap caller_modules)
    : memory_(memory),
      stack_start_(program.stack_start),
      caller_modules_(std::move(caller_modules)),
      modules_(std::move(modules)),
      source_(identity),
      unwinder_(modules_),
      symbolizer_(identity, modules_, source_) {}

bool ProcessSymbols::Refresh(symbolize::ModuleMap& modules) const {
  return memory_.IsSameProgram(stack_start_) && modules.Refresh();
}

void ProcessSymbols::AddImage(AddressRange range, std::shared_ptr<const symbolize::ElfImage> image,
                              std::uint64_t bias) {
  const std::lock_guard lock(mutex_);
  modules_.AddImage(range, "pyleak agent", std::move(image), bias);
}

NamedStacks ProcessSymbols::Name(const attach::StackSnapshot& stack, const symbolize::python::Interpreter* interpreter,
                                 const symbolize::python::RawPythonStack& python) {
  const std::lock_guard lock(mutex_);
  Refresh(modules_);
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
  named.task = std::move(resolved.task);
  return named;
}

symbolize::WaitCaller ProcessSymbols::CallerOfWait(const symbolize::Stack& native) {
  if (native.frames.empty()) return {};
  const symbolize::Frame& innermost = native.frames.back();
  // The C library may need several functions to get to the system call; a static program has no other module.
  const bool in_libc =
      innermost.module.find("/libc.") != std::string::npos || innermost.module.find("/ld-musl-") != std::string::npos;
  const auto calls_it = [&](const symbolize::Frame& frame) {
    return in_libc ? frame.module != innermost.module : frame.address != innermost.address;
  };
  const auto caller = std::ranges::find_if(native.frames | std::views::reverse, calls_it);
  return caller == native.frames.rend() ? symbolize::WaitCaller{} : CallerAt(caller->address);
}

symbolize::Stack ProcessSymbols::NamePython(const symbolize::python::Interpreter& interpreter,
                                            const symbolize::python::RawPythonStack& python) {
  const std::lock_guard lock(mutex_);
  return interpreter.Resolve(python, source_).stack;
}

symbolize::WaitCaller ProcessSymbols::CallerAt(RemoteAddress return_address) {
  const std::lock_guard lock(caller_mutex_);
  const RemoteAddress call = return_address - 1;
  const symbolize::Module* module = caller_modules_.Find(call);
  if (module == nullptr && Refresh(caller_modules_)) module = caller_modules_.Find(call);
  if (module == nullptr) return {};
  // A distribution's uvloop, Node and gevent call a libuv or libev of its own file; what runs on it is what the user
  // knows.
  const bool shared =
      module->path.find("/libuv.") != std::string::npos || module->path.find("/libev.") != std::string::npos;
  if (shared) {
    for (const symbolize::Module* other : caller_modules_.modules()) {
      for (const std::string_view user : {"/uvloop/", "/libnode.", "/gevent/"}) {
        if (other->path.find(user) != std::string::npos) return {other->path, ""};
      }
    }
  }
  const auto function = module->image->FunctionAt(call.value() - module->bias);
  return {module->path, function ? symbolize::Demangle(std::string(function->name)) : std::string()};
}

Result<std::optional<symbolize::python::Interpreter>> ProcessSymbols::FindInterpreter(
    const attach::MemoryReader& memory) {
  const std::lock_guard lock(caller_mutex_);
  Refresh(caller_modules_);
  return symbolize::python::Interpreter::Find(caller_modules_, memory);
}

}  // namespace pyleak::cli
