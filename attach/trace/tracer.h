#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>

namespace pyleak::attach {

/// The thread of ours that traces. The kernel ties each held thread to the one that seized it, and lets everything go
/// when that one ends; so a thread of the target that did not stop in time, and would do so later with nobody to
/// release it, is set free by ending this thread and starting another.
class Tracer {
 public:
  /// What the work may allocate while it holds a thread, at any one moment. Enough for a borrowed thread.
  static constexpr std::size_t kLittleMemory = std::size_t{256} << 10;

  explicit Tracer(std::size_t memory_bytes = kLittleMemory) : memory_bytes_(memory_bytes) {}
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;
  ~Tracer();

  /// Runs `work` in the tracing thread, at a raised priority, and returns what it returned. One caller at a time; not
  /// from within `work`.
  template <typename Work>
  auto Run(Work&& work) {
    using Answer = std::invoke_result_t<Work>;
    if constexpr (std::is_void_v<Answer>) {
      Hand([&] { work(); });
    } else {
      std::optional<Answer> answer;
      Hand([&] { answer.emplace(work()); });
      return *std::move(answer);
    }
  }

 private:
  void Hand(const std::function<void()>& work);
  void Serve();

  std::size_t memory_bytes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void()>* work_ = nullptr;  ///< Guarded by mutex_, as is stopping_.
  bool stopping_ = false;
  bool spent_ = false;  ///< The thread has ended, or is about to.
  std::thread thread_;
};

}  // namespace pyleak::attach
