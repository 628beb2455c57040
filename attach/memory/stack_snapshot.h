#pragma once

#include <cstddef>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/memory/memory_reader.h"
#include "attach/trace/registers.h"

namespace pyleak::attach {

/// A thread's registers and the live part of its stack, copied while it was held. A value: it outlives the thread.
class StackSnapshot : public MemoryReader {
 public:
  StackSnapshot() = default;
  /// `bytes` lay at `base`. `truncated`: the copy ended at our limit and not at the end of the stack's mapping.
  StackSnapshot(Registers registers, RemoteAddress base, std::vector<std::byte> bytes, bool truncated)
      : registers_(registers), base_(base), bytes_(std::move(bytes)), truncated_(truncated) {}

  std::size_t Read(RemoteAddress from, std::span<std::byte> into) const override;

  [[nodiscard]] const Registers& registers() const { return registers_; }
  [[nodiscard]] RemoteAddress base() const { return base_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] bool truncated() const { return truncated_; }

 private:
  Registers registers_;
  RemoteAddress base_;
  std::vector<std::byte> bytes_;
  bool truncated_ = false;
};

}  // namespace pyleak::attach
