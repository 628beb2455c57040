#pragma once

#include "symbolize/python/python_stack.h"
#include "symbolize/stack.h"

namespace pyleak::symbolize {

/// The two stacks of one thread, taken at one moment, as one in true order: each native frame of the interpreter's
/// evaluation loop gives way to the Python frames that it runs. Of the native frames those stay that matter to whoever
/// wrote the Python: all that the innermost Python frame has called, and between Python frames those of other modules
/// than the interpreter's own. Without Python frames it is `native` as it stands.
///
/// If the two do not fit together, which must not happen but does (an incomplete unwind, a torn frame), the Python
/// frames come first and a note says so.
Stack Merge(const Stack& native, const PythonStack& python);

/// What the user wrote, and the native frame in which it ended, if it ended in one. A stack without any other language
/// stays as it is.
Stack UserView(const Stack& merged);

}  // namespace pyleak::symbolize
