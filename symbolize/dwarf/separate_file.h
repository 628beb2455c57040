#pragma once

#include <string>

#include "attach/base/unique_fd.h"
#include "attach/proc/target_files.h"
#include "symbolize/elf/elf_image.h"

namespace pyleak::symbolize {

/// The file in the target's root that holds the debug information of `image`, which lies at `path` there; by build-id
/// and by .gnu_debuglink, as gdb looks for them. Only one with the same build-id counts. Empty if there is none.
UniqueFd OpenSeparateDebugFile(const ElfImage& image, const std::string& path, const attach::TargetFiles& files);

}  // namespace pyleak::symbolize
