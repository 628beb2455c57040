#include "attach/inject/unwind_rows.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "attach/trace/registers.h"

namespace pyleak::attach {
namespace {

/// Of .eh_frame_hdr: version, and the encodings of what follows, as every linker writes them: pcrel sdata4, udata4, and
/// a table of datarel sdata4.
struct IndexHeader {
  std::array<std::uint8_t, 4> version_and_encodings;
  std::int32_t eh_frame;
  std::uint32_t count;
};
constexpr std::array<std::uint8_t, 4> kUsualIndex = {1, 0x1b, 0x03, 0x3b};
/// libc has some 4,000 functions.
constexpr std::uint32_t kMostEntries = 1U << 20;
constexpr std::uint8_t kRelativeInt32 = 0x1b;
/// Of one common or frame description; the longest in libc has some 200 bytes.
constexpr std::size_t kLongestDescription = 1024;
constexpr std::uint64_t kRbx = 3;
constexpr std::size_t kDeepestStates = 8;

/// Reads on through bytes; zeros, and `failed`, from where they end.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool at_end() const { return failed_ || bytes_.empty(); }

  template <typename T>
  T Take() {
    T value{};
    failed_ = failed_ || bytes_.size() < sizeof(T);
    if (failed_) return value;
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }
  std::uint64_t TakeUleb() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
      const auto byte = Take<std::uint8_t>();
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    failed_ = true;
    return 0;
  }
  Cursor TakeBytes(std::uint64_t count) {
    failed_ = failed_ || bytes_.size() < count;
    if (failed_) return Cursor({});
    const Cursor taken(bytes_.first(count));
    bytes_ = bytes_.subspan(count);
    return taken;
  }

 private:
  std::span<const std::byte> bytes_;
  bool failed_ = false;
};

/// The call frame instructions of one function, run up to one address. Those that it does not know end it.
class RowMachine {
 public:
  /// `distance`: from the function's begin to the address.
  explicit RowMachine(std::uint64_t distance) : distance_(distance) {}

  bool Run(Cursor instructions) {
    while (!instructions.at_end() && at_ <= distance_) {
      if (!Step(instructions)) return false;
    }
    return !instructions.failed();
  }
  void KeepAsInitial() { initial_ = row_; }
  [[nodiscard]] UnwindRow row() const { return row_; }

 private:
  bool Step(Cursor& from) {
    const auto code = from.Take<std::uint8_t>();
    const auto operand = static_cast<std::uint8_t>(code & 0x3fU);
    switch (code >> 6) {
      case 1:
        return Advance(operand);
      case 2:
        return Saved(operand, from.TakeUleb());
      case 3:
        if (operand == kRbx) row_.rbx_below = initial_.rbx_below;
        return true;
      default:
        return StepExtended(operand, from);
    }
  }

  bool StepExtended(std::uint8_t code, Cursor& from) {
    switch (code) {
      case 0x00:  // DW_CFA_nop
        return true;
      case 0x02:  // DW_CFA_advance_loc1
        return Advance(from.Take<std::uint8_t>());
      case 0x03:  // DW_CFA_advance_loc2
        return Advance(from.Take<std::uint16_t>());
      case 0x04:  // DW_CFA_advance_loc4
        return Advance(from.Take<std::uint32_t>());
      case 0x0a:  // DW_CFA_remember_state
        if (depth_ == states_.size()) return false;
        states_[depth_++] = row_;
        return true;
      case 0x0b:  // DW_CFA_restore_state
        if (depth_ == 0) return false;
        row_ = states_[--depth_];
        return true;
      case 0x0c:  // DW_CFA_def_cfa
        counts_from_stack_pointer_ = from.TakeUleb() == Registers::kStackPointer;
        row_.frame_bytes = from.TakeUleb();
        return counts_from_stack_pointer_;
      case 0x0e:  // DW_CFA_def_cfa_offset
        row_.frame_bytes = from.TakeUleb();
        return true;
      default:
        return false;
    }
  }

  /// At the address itself what comes next does not hold yet.
  bool Advance(std::uint64_t bytes) {
    at_ += bytes;
    return true;
  }

  /// DW_CFA_offset; in units of -8 bytes.
  bool Saved(std::uint8_t number, std::uint64_t offset) {
    if (offset > kLongestDescription) return false;
    if (number == kRbx) row_.rbx_below = 8 * offset;
    return number != Registers::kProgramCounter || offset == 1;
  }

  std::uint64_t distance_;
  std::uint64_t at_ = 0;
  UnwindRow row_;
  UnwindRow initial_;
  std::array<UnwindRow, kDeepestStates> states_{};
  std::size_t depth_ = 0;
  bool counts_from_stack_pointer_ = false;
};

/// The bytes of a description behind its length; empty where that cannot be true.
std::vector<std::byte> ReadDescription(const MemoryReader& memory, RemoteAddress at) {
  const auto length = memory.ReadValue<std::uint32_t>(at);
  if (!length || *length > kLongestDescription) return {};
  std::vector<std::byte> bytes(*length);
  bytes.resize(memory.Read(at + sizeof(*length), bytes));
  return bytes;
}

/// The instructions of a common description, if it is of the usual form.
std::optional<Cursor> CommonInstructions(std::span<const std::byte> bytes) {
  Cursor common(bytes);
  const auto id = common.Take<std::uint32_t>();
  const auto version = common.Take<std::uint8_t>();
  const bool is_plain = common.Take<std::array<char, 3>>() == std::array<char, 3>{'z', 'R', '\0'};
  const std::uint64_t code_unit = common.TakeUleb();
  const std::uint64_t data_unit = common.TakeUleb();
  const auto return_register = common.Take<std::uint8_t>();
  const std::uint64_t more = common.TakeUleb();
  const auto encoding = common.Take<std::uint8_t>();
  constexpr std::uint64_t kMinusEight = 0x78;  // as a signed LEB128
  const bool is_usual = id == 0 && version == 1 && is_plain && code_unit == 1 && data_unit == kMinusEight &&
                        return_register == Registers::kProgramCounter && more == 1 && encoding == kRelativeInt32;
  return is_usual && !common.failed() ? std::optional(common) : std::nullopt;
}

}  // namespace

std::optional<UnwindRows> UnwindRows::Read(const MemoryReader& memory, RemoteAddress index) {
  const auto header = memory.ReadValue<IndexHeader>(index);
  if (!header || header->version_and_encodings != kUsualIndex || header->count > kMostEntries) return std::nullopt;
  std::vector<Entry> entries(header->count);
  const auto bytes = std::as_writable_bytes(std::span(entries));
  if (memory.Read(index + sizeof(IndexHeader), bytes) != bytes.size()) return std::nullopt;
  return UnwindRows(memory, index, std::move(entries));
}

std::optional<UnwindRow> UnwindRows::RowAt(RemoteAddress code) const {
  const auto from_index = static_cast<std::int64_t>(code - index_);
  auto entry = std::ranges::upper_bound(entries_, from_index, {}, [](const Entry& e) { return std::int64_t{e.code}; });
  if (entry == entries_.begin()) return std::nullopt;
  --entry;
  const RemoteAddress at = index_ + static_cast<std::uint64_t>(std::int64_t{entry->description});
  const auto bytes = ReadDescription(*memory_, at);
  Cursor description(bytes);
  // How far back the common description begins, from this very word.
  const RemoteAddress common_at = at + sizeof(std::uint32_t) - description.Take<std::uint32_t>();
  description.Take<std::int32_t>();
  const auto size = description.Take<std::uint32_t>();
  description.TakeBytes(description.TakeUleb());
  const std::uint64_t distance = code - (index_ + static_cast<std::uint64_t>(std::int64_t{entry->code}));
  if (description.failed() || distance >= size) return std::nullopt;

  const auto common_bytes = ReadDescription(*memory_, common_at);
  const auto common = CommonInstructions(common_bytes);
  RowMachine machine(distance);
  if (!common || !machine.Run(*common)) return std::nullopt;
  machine.KeepAsInitial();
  return machine.Run(description) ? std::optional(machine.row()) : std::nullopt;
}

}  // namespace pyleak::attach
