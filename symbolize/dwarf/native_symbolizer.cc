#include "symbolize/dwarf/native_symbolizer.h"

#include <algorithm>

#include "symbolize/dwarf/demangle.h"

namespace pyleak::symbolize {
namespace {

/// The C library's trampoline has no symbol in what is installed; gdb's words are known to everybody.
constexpr char kSignalReturn[] = "<signal handler called>";
constexpr std::size_t kMaxAddresses = 16384;
/// Debug information of a large program takes hundreds of megabytes once it has been used.
constexpr std::size_t kMaxDebugInfos = 64;

}  // namespace

NativeSymbolizer::NativeSymbolizer(const attach::ProcessIdentity& process, const ModuleMap& modules, SourceText& source)
    : files_(process), modules_(modules), source_(source), generation_(modules.generation()) {}
NativeSymbolizer::~NativeSymbolizer() = default;

Stack NativeSymbolizer::Symbolize(const RawStack& raw) {
  if (generation_ != modules_.generation()) frames_.clear();
  generation_ = modules_.generation();
  Stack stack;
  for (const RawFrame& raw_frame : raw.frames) {
    for (Frame frame : FramesAt(raw_frame.lookup_address())) {
      frame.address = raw_frame.program_counter;
      frame.stack_pointer = raw_frame.stack_pointer;
      if (raw_frame.signal_return && frame.name.empty()) frame.name = kSignalReturn;
      stack.frames.push_back(std::move(frame));
    }
  }
  std::ranges::reverse(stack.frames);
  stack.complete = raw.complete;
  if (!raw.guessed.empty()) {
    stack.notes.push_back("native stack: " + raw.guessed +
                          " has no unwind tables, callers of its functions are guesses");
  }
  if (!raw.incomplete.empty()) stack.notes.push_back("native stack: " + raw.incomplete);
  return stack;
}

std::optional<std::string> NativeSymbolizer::FunctionNameAt(RemoteAddress address) const {
  const Module* const module = modules_.Find(address);
  if (module == nullptr) return std::nullopt;
  const auto symbol = module->image->FunctionAt(address.value() - module->bias);
  return symbol ? std::optional(Demangle(std::string(symbol->name))) : std::nullopt;
}

const NativeSymbolizer::Frames& NativeSymbolizer::FramesAt(RemoteAddress lookup_address) {
  if (const auto known = frames_.find(lookup_address); known != frames_.end()) return known->second;
  if (frames_.size() >= kMaxAddresses) frames_.clear();
  return frames_[lookup_address] = Look(lookup_address);
}

NativeSymbolizer::Frames NativeSymbolizer::Look(RemoteAddress lookup_address) {
  Frame plain;
  const Module* const module = modules_.Find(lookup_address);
  if (module == nullptr) return {plain};
  plain.module = module->path;
  Frames frames;
  for (const SourceLocation& location : DebugInfoOf(*module).At(lookup_address.value() - module->bias)) {
    Frame frame = plain;
    frame.name = Demangle(location.function);
    frame.filename = location.filename;
    frame.inlined = location.inlined;
    if (location.lineno > 0) {
      frame.lineno = location.lineno;
      frame.line = source_.Line(location.filename, location.lineno);
    }
    frames.push_back(std::move(frame));
  }
  if (frames.empty()) frames.push_back(plain);
  // The C library's debug information has internal names for what its users call `poll`.
  Frame& function = frames.back();
  if (function.name.empty() || function.name.starts_with("__")) {
    function.name = FunctionNameAt(lookup_address).value_or(function.name);
  }
  return frames;
}

DebugInfo& NativeSymbolizer::DebugInfoOf(const Module& module) {
  const auto known = debug_infos_.find(module.image);
  if (known != debug_infos_.end()) return *known->second;
  if (debug_infos_.size() >= kMaxDebugInfos) debug_infos_.clear();
  auto& info = debug_infos_[module.image];
  info = DebugInfo::Of(module.image, module.path, files_);
  return *info;
}

}  // namespace pyleak::symbolize
