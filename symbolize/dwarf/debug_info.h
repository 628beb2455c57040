#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "attach/proc/target_files.h"
#include "symbolize/elf/elf_image.h"

namespace pyleak::symbolize {

/// What a compiler has written down of one address.
struct SourceLocation {
  std::string function;  ///< Mangled; empty if only the line is known.
  std::string filename;
  int lineno = 0;        ///< 0: not known.
  bool inlined = false;  ///< Into the next location.
};

/// The DWARF of one image: its own, or that of the separate file with the same build-id, looked for below
/// /usr/lib/debug of the target's root and by .gnu_debuglink there, then below our own /usr/lib/debug, and on the
/// servers in DEBUGINFOD_URLS if the user has set that. For any thread.
class DebugInfo {
 public:
  /// That of an image which somebody has already, or a new one: it can take as much memory as a hundred stacks. `path`
  /// is the image's in the target. The image is kept.
  static std::shared_ptr<DebugInfo> Of(const std::shared_ptr<const ElfImage>& image, const std::string& path,
                                       const attach::TargetFiles& files);
  DebugInfo(std::shared_ptr<const ElfImage> image, const std::string& path, const attach::TargetFiles& files);
  ~DebugInfo();
  DebugInfo(const DebugInfo&) = delete;
  DebugInfo& operator=(const DebugInfo&) = delete;

  /// The function around an address of the file, the innermost inlined one first. Empty if nothing is known.
  [[nodiscard]] std::vector<SourceLocation> At(std::uint64_t address);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pyleak::symbolize
