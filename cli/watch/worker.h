#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace pyleak::cli {

/// A thread that does one task after the other, in the order in which they were given to it.
class Worker {
 public:
  Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  /// Waits until every task has been done.
  ~Worker();

  void Post(std::function<void()> task);
  /// Returns when all that was posted before has been done.
  void Drain();

 private:
  void Serve();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;  ///< Guarded by mutex_, as are the two below.
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pyleak::cli
