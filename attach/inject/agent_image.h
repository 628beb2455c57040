#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/base/result.h"
#include "attach/memory/memory_reader.h"

namespace pyleak::attach {

/// The embedded agent as it lies in memory once its segments are mapped: an executable part and behind it a writable
/// one, both of whole pages. As a MemoryReader it lies at address 0.
class AgentImage : public MemoryReader {
 public:
  static Result<AgentImage> Lay(std::span<const std::byte> elf);

  std::size_t Read(RemoteAddress from, std::span<std::byte> into) const override;

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] std::span<const std::byte> text() const { return std::span(bytes_).first(text_bytes_); }
  /// From the image's beginning.
  [[nodiscard]] std::optional<std::uint64_t> OffsetOf(std::string_view symbol) const;
  /// Of the agent's function that stands for another. Those that only attach redirects have a prefix to their name, so
  /// that `run`, where the dynamic linker goes by the name, leaves them alone.
  [[nodiscard]] std::optional<std::uint64_t> HookFor(std::string_view function) const;

 private:
  AgentImage(std::vector<std::byte> bytes, std::size_t text_bytes)
      : bytes_(std::move(bytes)), text_bytes_(text_bytes) {}

  std::vector<std::byte> bytes_;
  std::size_t text_bytes_;
};

}  // namespace pyleak::attach
