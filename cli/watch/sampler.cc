#include "cli/watch/sampler.h"

#include <utility>

#include "attach/trace/frozen_thread.h"

namespace pyleak::cli {

attach::HeartbeatTime MonotonicNow() { return std::chrono::steady_clock::now().time_since_epoch(); }

Result<std::optional<RawSample>> Sampler::Take(WatchedProcess& process, attach::ThreadLook& thread) {
  using Taken = Result<std::optional<RawSample>>;
  return tracer_.Run([&]() -> Taken {
    auto frozen = attach::FrozenThread::Freeze(thread, {});
    if (!frozen) return std::move(frozen).error();
    if (!frozen->has_value()) return std::optional<RawSample>();
    attach::FrozenThread& held = **frozen;
    RawSample sample;
    sample.taken_at = MonotonicNow();
    held.CaptureStack(process.memory(), buffer_);
    if (process.interpreter()) {
      sample.python =
          process.interpreter()->Capture(process.memory(), thread.thread().tid, held.registers().thread_pointer);
    }
    sample.activity = held.activity();
    sample.freeze = held.LetGo();
    sample.stack = buffer_.Snapshot();
    sample.interpreter = process.interpreter();
    return std::optional(std::move(sample));
  });
}

}  // namespace pyleak::cli
