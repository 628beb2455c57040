#pragma once

#include "symbolize/python/python_stack.h"
#include "symbolize/stack.h"

namespace pyleak::symbolize {

/// The two stacks of one thread, taken at one moment, as one in true order: each native frame of the interpreter's
/// evaluation loop gives way to the Python frames that it runs. It is told by what it keeps on the stack, or else by
/// its name; where the unwinder got lost, the outermost Python frames are without native ones. Of the native frames
/// those stay that matter to whoever wrote the Python: all that the innermost Python frame has called, and between
/// Python frames those of other modules than the interpreter's own. Without Python frames it is `native` as it stands.
///
/// If the two do not fit together, which must not happen but does (an interpreter without names, a torn frame), the
/// Python frames come first and a note says so. It is complete if the Python stack is.
Stack Merge(const Stack& native, const PythonStack& python);

}  // namespace pyleak::symbolize
