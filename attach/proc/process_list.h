#pragma once

#include <cstddef>
#include <vector>

namespace pyleak::attach {

/// Every process that /proc shows to us.
std::vector<int> ListProcesses();

struct EpollProcesses {
  std::vector<int> pids;   ///< Those that have an epoll instance open, in order.
  std::size_t closed = 0;  ///< Programs that the caller may not look at, with or without one.
};

/// Of every process but pyleak itself. Only /proc is read.
EpollProcesses FindEpollProcesses();

}  // namespace pyleak::attach
