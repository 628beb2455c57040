#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "attach/memory/stack_snapshot.h"
#include "symbolize/elf/module_map.h"

namespace pyleak::symbolize {

/// The target's memory as an unwinder may see it: the copied stack, and what its modules hold in their files. Keeps
/// account of what could not be read, so that a walk that lost its way is not taken for one that came to its end.
class TargetView {
 public:
  TargetView(const ModuleMap& modules, const attach::StackSnapshot& snapshot)
      : modules_(modules), snapshot_(snapshot), registers_(snapshot.registers()) {}

  /// Before each step from a frame with this program counter.
  void BeginStep(RemoteAddress program_counter);
  /// Something that the step needed was not there.
  [[nodiscard]] bool missed() const { return missed_; }

  [[nodiscard]] std::optional<std::uint64_t> ReadWord(RemoteAddress address);
  /// The code there ends a signal handler. libunwind does not say so of a trampoline that has unwind tables.
  [[nodiscard]] bool IsSignalReturn(RemoteAddress program_counter) const;

  [[nodiscard]] const ModuleMap& modules() const { return modules_; }
  [[nodiscard]] const attach::StackSnapshot& snapshot() const { return snapshot_; }
  /// Of the frame that a walk begins with: the innermost, or a caller that was found without tables.
  [[nodiscard]] attach::Registers& registers() { return registers_; }

 private:
  [[nodiscard]] std::span<const std::byte> FileBytes(RemoteAddress address) const;
  [[nodiscard]] std::optional<std::uint64_t> ReadFile(RemoteAddress address) const;

  const ModuleMap& modules_;
  const attach::StackSnapshot& snapshot_;
  attach::Registers registers_;
  RemoteAddress program_counter_;
  std::uint32_t reads_ = 0;
  bool missed_ = false;
};

}  // namespace pyleak::symbolize
