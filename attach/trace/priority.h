#pragma once

namespace pyleak::attach {

/// Lets the calling thread run before ordinary ones, where pyleak may: a thread that holds another must not wait for
/// a CPU itself. Beside busy neighbours the longest freezes shrink from milliseconds to microseconds.
void RaisePriority();

}  // namespace pyleak::attach
