#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "attach/memory/memory_reader.h"
#include "tests/fuzz/input.h"

namespace pyleak::fuzz {

/// Memory as an input has it: pieces, each an address (8 bytes), a length (2 bytes) and that many bytes. What two
/// pieces hold, the later one has.
class RecordedMemory : public attach::MemoryReader {
 public:
  explicit RecordedMemory(Input input) {
    while (!input.done()) {
      const RemoteAddress begin(input.Number<std::uint64_t>());
      const auto size = input.Number<std::uint16_t>();
      pieces_[begin] = input.Bytes(size);
    }
  }

  std::size_t Read(RemoteAddress from, std::span<std::byte> into) const override {
    std::size_t count = 0;
    while (count < into.size()) {
      const auto piece = PieceAt(from + count);
      if (piece.empty()) break;
      const std::size_t part = std::min(piece.size(), into.size() - count);
      std::copy_n(piece.begin(), part, into.begin() + static_cast<std::ptrdiff_t>(count));
      count += part;
    }
    return count;
  }

 private:
  [[nodiscard]] std::span<const std::byte> PieceAt(RemoteAddress address) const {
    const auto after = pieces_.upper_bound(address);
    if (after == pieces_.begin()) return {};
    const auto& [begin, bytes] = *std::prev(after);
    const std::uint64_t offset = address - begin;
    return offset < bytes.size() ? bytes.subspan(offset) : std::span<const std::byte>();
  }

  std::map<RemoteAddress, std::span<const std::byte>> pieces_;
};

}  // namespace pyleak::fuzz
