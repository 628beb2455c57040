#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"

namespace pyleak::attach {

/// The first bytes of a regular file or memfd, mapped for reading and writing, and shared with whoever maps it too:
/// copy a value out before checking and using it. What the file loses while it lives reads as zeros (see
/// SurviveTruncatedFiles).
class SharedMemory {
 public:
  /// The descriptor must be open for reading and writing; it may be closed afterwards. kCorrupt: not a regular file,
  /// or one with less than `size_bytes`.
  static Result<SharedMemory> Map(const UniqueFd& file, std::size_t size_bytes);

  SharedMemory(SharedMemory&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory();

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit SharedMemory(std::span<std::byte> bytes) : bytes_(bytes) {}

  std::span<std::byte> bytes_;
};

}  // namespace pyleak::attach
