#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/memory/stack_snapshot.h"
#include "symbolize/elf/module_map.h"

namespace pyleak::symbolize {

/// One frame as the unwinder knows it.
struct RawFrame {
  RemoteAddress program_counter;
  /// At the call that the frame is in; larger in every outer frame, unless a signal has changed the stack.
  RemoteAddress stack_pointer;
  /// The program counter is where execution stands (the innermost frame, and one that a signal interrupted) and not the
  /// return address behind a call, which may already belong to the next line or function.
  bool exact = false;
  /// The code by which a signal handler returns; the next outer frame is what the signal interrupted.
  bool signal_return = false;

  /// An address inside the instruction that is being executed.
  [[nodiscard]] RemoteAddress lookup_address() const { return exact ? program_counter : program_counter - 1; }
};

/// Innermost frame first.
struct RawStack {
  std::vector<RawFrame> frames;
  bool complete = false;   ///< The outermost frame is the thread's first function.
  std::string incomplete;  ///< Why it is not complete, in words; else empty.
  std::string guessed;     ///< A module that has no unwind tables, so that callers of its functions are guesses.
};

/// Finds the frames of a copied stack by the unwind tables (.eh_frame) of the modules, and by the chain of frame
/// pointers in code without tables. Needs neither the thread nor the process any more. Whatever the copy holds, the
/// answer comes in bounded time.
class Unwinder {
 public:
  /// `modules` must outlive the unwinder, and should have been refreshed since the snapshot was taken.
  explicit Unwinder(const ModuleMap& modules);
  ~Unwinder();
  Unwinder(const Unwinder&) = delete;
  Unwinder& operator=(const Unwinder&) = delete;

  [[nodiscard]] RawStack Unwind(const attach::StackSnapshot& snapshot);

 private:
  class AddressSpace;
  std::unique_ptr<AddressSpace> space_;
};

}  // namespace pyleak::symbolize
