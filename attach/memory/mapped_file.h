#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"

namespace pyleak::attach {

/// Makes a page of a file mapping that its file has lost (truncated by somebody else) read as zeros from then on.
/// Without it such a read is SIGBUS, and the target's owner could end pyleak by overwriting a library in place. Covers
/// every mapping of this process, also those of libraries; later calls do nothing.
void SurviveTruncatedFiles();

/// A private copy-on-write mapping of a whole regular file. Its bytes may change while it lives, as the file does:
/// copy a value out before checking and using it.
class MappedFile {
 public:
  /// kCorrupt: not a regular file, or an empty one. The descriptor is closed; the mapping stays.
  static Result<MappedFile> Map(UniqueFd file);

  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  /// Writable memory of ours; nothing written here reaches the file.
  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<std::byte> bytes) : bytes_(bytes) {}

  std::span<std::byte> bytes_;
};

}  // namespace pyleak::attach
