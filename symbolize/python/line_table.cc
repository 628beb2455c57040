#include "symbolize/python/line_table.h"

#include <algorithm>
#include <limits>

namespace pyleak::symbolize::python {
namespace {

/// Takes bytes off the front of a table; what is not there reads as 0.
class TableReader {
 public:
  explicit TableReader(std::span<const std::byte> table) : table_(table) {}

  [[nodiscard]] bool done() const { return next_ == table_.size(); }
  unsigned Byte() { return done() ? 0U : std::to_integer<unsigned>(table_[next_++]); }
  int SignedByte() { return static_cast<std::int8_t>(Byte()); }

  /// Six bits a byte, least significant first; bit 6 says that more follow. Bits beyond the 32nd are dropped.
  std::uint32_t Varint() {
    std::uint32_t value = 0;
    unsigned shift = 0;
    for (bool more = true; more && !done(); shift += 6) {
      const unsigned byte = Byte();
      if (shift < 32) value |= (byte & 0x3fU) << shift;
      more = (byte & 0x40U) != 0;
    }
    return value;
  }
  /// The sign is the lowest bit.
  std::int64_t SignedVarint() {
    const std::uint32_t value = Varint();
    const auto magnitude = static_cast<std::int64_t>(value >> 1U);
    return (value & 1U) != 0 ? -magnitude : magnitude;
  }

 private:
  std::span<const std::byte> table_;
  std::size_t next_ = 0;
};

/// Nothing for what cannot be a line or a column; a forged table can add up to anything.
std::optional<int> Checked(std::int64_t value) {
  if (value < 0 || value > std::numeric_limits<int>::max()) return std::nullopt;
  return static_cast<int>(value);
}

/// Pairs of (bytes of code, lines), the line changing after the bytes.
SourcePosition FindInLnotab(TableReader table, std::int64_t line, std::int64_t offset_bytes) {
  std::int64_t address = 0;
  while (!table.done()) {
    address += table.Byte();
    if (address > offset_bytes) break;
    line += table.SignedByte();
  }
  return {.lineno = Checked(line), .end_lineno = {}, .colno = {}, .end_colno = {}};
}

/// Pairs of (bytes of code, lines), the line changing before the bytes; -128 is code without a line.
SourcePosition FindInLineDeltas(TableReader table, std::int64_t line, std::int64_t offset_bytes) {
  constexpr int kNoLine = -128;
  std::int64_t end = 0;
  while (!table.done()) {
    end += table.Byte();
    const int delta = table.SignedByte();
    if (delta != kNoLine) line += delta;
    if (offset_bytes >= end) continue;
    if (delta == kNoLine) return {};
    return {.lineno = Checked(line), .end_lineno = {}, .colno = {}, .end_colno = {}};
  }
  return {};
}

/// Columns are stored plus one, so that 0 can say that there is none.
std::optional<int> Column(std::uint32_t stored) { return Checked(static_cast<std::int64_t>(stored) - 1); }

/// One entry's position. `line` is carried from entry to entry.
SourcePosition ReadLocation(TableReader& table, unsigned code, std::int64_t& line) {
  constexpr unsigned kOneLine0 = 10;  // PY_CODE_LOCATION_INFO_ONE_LINE0 and so on: Include/cpython/code.h
  constexpr unsigned kNoColumns = 13;
  constexpr unsigned kLong = 14;
  constexpr unsigned kNone = 15;
  SourcePosition position;
  if (code == kNone) return position;
  if (code >= kNoColumns) line += table.SignedVarint();
  if (code >= kOneLine0 && code < kNoColumns) line += code - kOneLine0;
  position.lineno = Checked(line);
  position.end_lineno = position.lineno;
  if (code == kLong) {
    position.end_lineno = Checked(line + table.Varint());
    position.colno = Column(table.Varint());
    position.end_colno = Column(table.Varint());
  } else if (code < kOneLine0) {
    const unsigned second = table.Byte();
    const unsigned column = code << 3U | second >> 4U;
    position.colno = static_cast<int>(column);
    position.end_colno = static_cast<int>(column + (second & 0xfU));
  } else if (code < kNoColumns) {
    position.colno = static_cast<int>(table.Byte());
    position.end_colno = static_cast<int>(table.Byte());
  }
  return position;
}

/// Entries of one byte (bit 7 set, four bits of form, three of length in instructions of two bytes) and what the form
/// asks for.
SourcePosition FindInLocations(TableReader table, std::int64_t line, std::int64_t offset_bytes) {
  std::int64_t end = 0;
  while (!table.done()) {
    const unsigned head = table.Byte();
    end += std::int64_t{2} * ((head & 7U) + 1);
    const SourcePosition position = ReadLocation(table, head >> 3U & 0xfU, line);
    if (offset_bytes < end) return position;
  }
  return {};
}

}  // namespace

SourcePosition FindPosition(LineTableForm form, std::span<const std::byte> table, int first_line,
                            std::int64_t offset_bytes) {
  if (offset_bytes < 0) return {.lineno = Checked(first_line), .end_lineno = {}, .colno = {}, .end_colno = {}};
  switch (form) {
    case LineTableForm::kLnotab:
      return FindInLnotab(TableReader(table), first_line, offset_bytes);
    case LineTableForm::kLineDeltas:
      return FindInLineDeltas(TableReader(table), first_line, offset_bytes);
    case LineTableForm::kLocations:
      return FindInLocations(TableReader(table), first_line, offset_bytes);
  }
  return {};
}

}  // namespace pyleak::symbolize::python
