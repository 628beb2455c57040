#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/proc/process_identity.h"
#include "attach/proc/target_files.h"
#include "symbolize/dwarf/debug_info.h"
#include "symbolize/elf/module_map.h"
#include "symbolize/source_text.h"
#include "symbolize/stack.h"
#include "symbolize/unwind/unwinder.h"

namespace pyleak::symbolize {

/// Names native frames: function, file, line and source text, with what the compiler inlined as frames of its own. By
/// debug information where there is some, by symbol tables elsewhere, and at the least by the module. Keeps answers
/// and opened debug information for the next stack, both bounded.
class NativeSymbolizer {
 public:
  /// `modules` and `source` must outlive the symbolizer.
  NativeSymbolizer(const attach::ProcessIdentity& process, const ModuleMap& modules, SourceText& source);
  ~NativeSymbolizer();

  /// The first stack of a module with debug information takes milliseconds, for a large one up to seconds.
  [[nodiscard]] Stack Symbolize(const RawStack& raw);

  /// The function at an address, demangled, by symbol tables alone: cheap, and enough to know a library by.
  [[nodiscard]] std::optional<std::string> FunctionNameAt(RemoteAddress address) const;

 private:
  using Frames = std::vector<Frame>;

  const Frames& FramesAt(RemoteAddress lookup_address);
  [[nodiscard]] Frames Look(RemoteAddress lookup_address);
  DebugInfo& DebugInfoOf(const Module& module);

  attach::TargetFiles files_;
  const ModuleMap& modules_;
  SourceText& source_;
  std::uint64_t generation_;
  std::unordered_map<RemoteAddress, Frames> frames_;  // innermost first, by lookup address
  std::map<std::shared_ptr<const ElfImage>, std::shared_ptr<DebugInfo>> debug_infos_;
};

}  // namespace pyleak::symbolize
