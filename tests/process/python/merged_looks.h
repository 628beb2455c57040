#pragma once

#include "attach/trace/capture_buffer.h"
#include "symbolize/dwarf/native_symbolizer.h"
#include "symbolize/python/interpreter.h"
#include "symbolize/source_text.h"
#include "symbolize/stack.h"
#include "symbolize/unwind/unwinder.h"
#include "tests/process/python/python_target.h"

namespace pyleak::tests {

/// Takes both stacks of a target's main thread while it is held once, and merges them. What a watch remembers from look
/// to look is remembered.
class MergedLooks {
 public:
  explicit MergedLooks(PythonTarget& target);

  symbolize::Stack Look();

 private:
  PythonTarget& target_;
  symbolize::python::Interpreter interpreter_;
  symbolize::SourceText source_;
  symbolize::NativeSymbolizer symbolizer_;
  symbolize::Unwinder unwinder_;
  attach::CaptureBuffer buffer_;
};

}  // namespace pyleak::tests
