#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "symbolize/python/layout.h"

namespace pyleak::symbolize::python {

/// What in the source an instruction belongs to; nothing where the compiler has recorded nothing.
struct SourcePosition {
  std::optional<int> lineno;
  std::optional<int> end_lineno;
  std::optional<int> colno;      ///< 0-based, in UTF-8 bytes.
  std::optional<int> end_colno;  ///< Exclusive.

  bool operator==(const SourcePosition&) const = default;
};

/// The position of the instruction `offset_bytes` into the bytecode. Below 0, which is where a frame stands that has
/// not begun, it is `first_line`; past the end of the table, nothing.
SourcePosition FindPosition(LineTableForm form, std::span<const std::byte> table, int first_line,
                            std::int64_t offset_bytes);

}  // namespace pyleak::symbolize::python
