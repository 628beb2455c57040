#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "attach/base/remote_address.h"

namespace pyleak::attach {

/// The integer registers of a thread, numbered as DWARF numbers them (x86-64 psABI, figure 3.36), which is how both
/// libunwind and libdw name them.
struct Registers {
  static constexpr std::size_t kCount = 17;
  static constexpr std::size_t kFramePointer = 6;
  static constexpr std::size_t kStackPointer = 7;
  static constexpr std::size_t kProgramCounter = 16;

  std::array<std::uint64_t, kCount> by_dwarf_number{};
  /// Base of the thread's thread-local storage: what %fs:0 is on x86-64. Tells threads apart for an interpreter.
  RemoteAddress thread_pointer;

  [[nodiscard]] RemoteAddress program_counter() const { return RemoteAddress(by_dwarf_number[kProgramCounter]); }
  [[nodiscard]] RemoteAddress stack_pointer() const { return RemoteAddress(by_dwarf_number[kStackPointer]); }
  [[nodiscard]] RemoteAddress frame_pointer() const { return RemoteAddress(by_dwarf_number[kFramePointer]); }
};

}  // namespace pyleak::attach
