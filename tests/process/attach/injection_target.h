#pragma once

#include <atomic>
#include <cstdint>

/// What injection_target shares with the tests that hold it: one structure for each of its kinds.
namespace pyleak::test {

/// `loop MILLISECONDS`: waits on a pipe, counts each EINTR and aborts on the first thing in errno that it has not put
/// there.
struct Loop {
  std::atomic<int> rounds{0};
  std::atomic<int> pipe_end{-1};
  std::atomic<int> interrupted{0};
};

/// `checks MILLISECONDS`: waits, and aborts as soon as anything is not as it left it: an EINTR, a vector register,
/// errno, the signal mask. `short_waits`: waits, and does not care.
struct Checks {
  std::atomic<int> rounds{0};
  std::atomic<int> signals{0};                   ///< SIGUSR1.
  std::atomic<int> calls{0};                     ///< Of the function,
  std::atomic<std::uint64_t> function{0};        ///< which is here,
  std::atomic<std::uint64_t> result_address{0};  ///< and stores at this address how many calls there were.
  std::atomic<std::int64_t> result{0};
};

/// `vfork`: sleeps uninterruptibly as long as its child runs, as the parent of a vfork does.
struct Vfork {
  std::atomic<int> child_runs{0};
  std::atomic<int> child_may_end{0};
  std::atomic<int> finished{0};
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
