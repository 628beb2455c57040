#pragma once

#include <cstdint>
#include <semaphore>
#include <thread>

namespace pyleak::attach {

/// A word of shared memory that says whether this pyleak lives, to everybody who can read it: in other pid and time
/// namespaces too, and without any right. It holds the number of a thread of ours, and the kernel marks it when that
/// thread ends in whatever way (robust futexes, set_robust_list(2)). Nothing that others can write is trusted: to the
/// kernel each word is one of ours only while it holds our number.
class LifeSign {
 public:
  /// The word must lie on a multiple of four, and stay mapped as long as this lives.
  explicit LifeSign(std::uint32_t& word);
  LifeSign(const LifeSign&) = delete;
  LifeSign& operator=(const LifeSign&) = delete;
  /// Says that nobody is there any more.
  ~LifeSign();

  /// What such a word says. 0: nobody was ever there.
  static bool SaysAlive(std::uint32_t word);

 private:
  void Live(std::uint32_t& word);

  std::binary_semaphore begun_{0};
  std::binary_semaphore over_{0};
  std::thread thread_;
};

}  // namespace pyleak::attach
