#pragma once

#include <cerrno>
#include <chrono>
#include <ctime>
#include <functional>
#include <ostream>
#include <thread>
#include <utility>
#include <vector>

namespace pyleak::test {

/// What pyleak does with a thread that sleeps in a system call.
enum class Treatment {
  kStopped,    ///< A stop leaves no trace in it.
  kLeftAlone,  ///< A stop would prolong it, or end it with a part of what it was for.
};

/// A system call in which a thread sleeps for as long as it is told to, and which ends in the same way each time: by
/// its own timeout, or because somebody else ends it.
struct BlockingCall {
  /// Makes the call once; what it returned, or -errno.
  using Make = std::function<long()>;

  const char* name;
  Treatment treatment;
  /// Called once, in the target. Empty where the kernel has no such call.
  Make (*prepare)(std::chrono::milliseconds duration);
};

inline void PrintTo(const BlockingCall& call, std::ostream* stream) { *stream << call.name; }

/// By what they sleep for: time and signals; memory, messages and rings of the kernel; descriptors, locks and children.
std::vector<BlockingCall> TimeCalls();
std::vector<BlockingCall> MessageCalls();
std::vector<BlockingCall> DescriptorCalls();

/// Of a call by way of libc or syscall(2).
inline long ResultOf(long result) { return result < 0 ? -errno : result; }

inline timespec ToTimespec(std::chrono::nanoseconds duration) {
  constexpr long kSecond = 1'000'000'000;
  return {duration.count() / kSecond, duration.count() % kSecond};
}

inline timespec FromNow(clockid_t clock, std::chrono::nanoseconds duration) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return ToTimespec(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec) + duration);
}

/// Does something after a time, in a thread of its own that its end waits for.
class Later {
 public:
  template <typename Action>
  Later(std::chrono::milliseconds delay, Action action)
      : thread_([delay, action = std::move(action)] {
          std::this_thread::sleep_for(delay);
          action();
        }) {}

 private:
  std::jthread thread_;
};

}  // namespace pyleak::test
