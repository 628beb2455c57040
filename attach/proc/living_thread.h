#pragma once

#include <string>
#include <string_view>

namespace pyleak::attach {

/// The number under which /proc shows what all threads of a process share, its memory and its files among them. That
/// is the pid, unless the first thread has ended before the others: then it is a zombie that has nothing left, and the
/// tid of another one stands for it. The pid, too, of a process that has ended.
int LivingThread(int pid);

/// "/proc/N/<file>" of that number.
std::string SharedProcPath(int pid, std::string_view file);

}  // namespace pyleak::attach
