#pragma once

#include <cstddef>
#include <string>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"

namespace pyleak {

/// The whole of a small text file such as those in /proc, which have no size of their own. More than `limit_bytes` is
/// cut off, so that a hostile file cannot fill our memory.
Result<std::string> ReadTextFile(const std::string& path, std::size_t limit_bytes = std::size_t{16} << 20);

/// The rest of an open file, from where it stands; cut off as above.
Result<std::string> ReadText(const UniqueFd& file, std::size_t limit_bytes);

/// open(2) with O_CLOEXEC and O_NOCTTY added.
Result<UniqueFd> OpenFile(const std::string& path, int flags);

/// The text of a symbolic link.
Result<std::string> ReadLink(const std::string& path);

}  // namespace pyleak
