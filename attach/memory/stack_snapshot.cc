#include "attach/memory/stack_snapshot.h"

#include <algorithm>

namespace pyleak::attach {

std::size_t StackSnapshot::Read(RemoteAddress from, std::span<std::byte> into) const {
  if (from < base_) return 0;
  const std::uint64_t offset = from - base_;
  if (offset >= bytes_.size()) return 0;
  const std::size_t count = std::min<std::size_t>(into.size(), bytes_.size() - offset);
  std::memcpy(into.data(), bytes_.data() + offset, count);
  return count;
}

}  // namespace pyleak::attach
