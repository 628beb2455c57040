#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/memory/memory_reader.h"

namespace pyleak::attach {

/// What the unwind tables of a module say of one instruction, in the simplest form that compilers write: the frame is
/// counted from the stack pointer and the return address lies on top of it.
struct UnwindRow {
  std::uint64_t frame_bytes = 0;  ///< From the stack pointer to above the return address.
  /// How far below that %rbx of the caller lies; 0: it is in its register.
  std::uint64_t rbx_below = 0;
};

/// The unwind tables of a loaded module, read from memory as unwinders in the process do (LSB, "Exception Frames";
/// DWARF 5, section 6.4). Only the forms are known that GNU's and LLVM's tools write for ordinary code: of a function
/// with landing pads, a signal frame, or anything else, nothing is said. The memory is the target's: whatever cannot be
/// true yields nothing.
class UnwindRows {
 public:
  /// `index`: of .eh_frame_hdr. `memory` must outlive this.
  static std::optional<UnwindRows> Read(const MemoryReader& memory, RemoteAddress index);

  [[nodiscard]] std::optional<UnwindRow> RowAt(RemoteAddress code) const;

 private:
  struct Entry {
    std::int32_t code;  ///< Both from the index on.
    std::int32_t description;
  };

  UnwindRows(const MemoryReader& memory, RemoteAddress index, std::vector<Entry> entries)
      : memory_(&memory), index_(index), entries_(std::move(entries)) {}

  const MemoryReader* memory_;
  RemoteAddress index_;
  std::vector<Entry> entries_;
};

}  // namespace pyleak::attach
