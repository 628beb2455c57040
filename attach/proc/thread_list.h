#pragma once

#include <cstddef>
#include <vector>

namespace pyleak::attach {

/// The threads of a process, at most `limit` of them, the first one first. Empty when the process has ended.
std::vector<int> ListThreads(int pid, std::size_t limit);

}  // namespace pyleak::attach
