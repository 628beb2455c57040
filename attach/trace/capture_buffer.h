#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "attach/memory/stack_snapshot.h"

namespace pyleak::attach {

/// Room for one copy of a stack, allocated and touched before any thread is held and used again for each capture.
class CaptureBuffer {
 public:
  /// A live stack is 5 to 20 KiB, seldom more; a copy that fills the whole buffer is marked as truncated.
  static constexpr std::size_t kDefaultBytes = std::size_t{512} << 10;

  explicit CaptureBuffer(std::size_t size_bytes = kDefaultBytes) : bytes_(size_bytes) {}

  /// What FrozenThread::CaptureStack put here last, as a value of its own.
  [[nodiscard]] StackSnapshot Snapshot() const {
    return {registers_,
            base_,
            {bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(used_)},
            used_ == bytes_.size()};
  }

 private:
  friend class FrozenThread;

  Registers registers_;
  RemoteAddress base_;
  std::vector<std::byte> bytes_;
  std::size_t used_ = 0;
};

}  // namespace pyleak::attach
