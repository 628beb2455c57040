#pragma once

#include <atomic>

/// What injection_target shares with the tests that watch it: one structure for each of its kinds.
namespace pyleak::test {

/// `loop MILLISECONDS`: waits on a pipe, counts each EINTR and aborts on the first thing in errno that it has not put
/// there.
struct Loop {
  std::atomic<int> rounds{0};
  std::atomic<int> pipe_end{-1};
  std::atomic<int> interrupted{0};
};

/// `late_module`: a loop that has late_module.cc loaded as long as that is wanted, and lets it wait in each round.
struct LateModule {
  std::atomic<int> wanted{0};
  std::atomic<int> loaded{0};
  std::atomic<int> rounds{0};
};

/// `crowd`: as many threads, each with a loop of its own. Some wait long, some for a moment, some not at all.
struct Crowd {
  std::atomic<int> rounds[8];
};

}  // namespace pyleak::test
