#pragma once

#include <vector>

namespace pyleak::attach {

/// Every process that /proc shows to us.
std::vector<int> ListProcesses();

/// Every process that has an epoll instance open and that the caller may look at, in
/// order of pid; pyleak itself is left out. Only /proc is read.
std::vector<int> ProcessesWithEpoll();

}  // namespace pyleak::attach
