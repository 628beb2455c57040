#include "attach/inject/agent_call.h"

#include <cstddef>

#include "attach/trace/borrowed_thread.h"

namespace pyleak::attach {

Result<std::chrono::nanoseconds> CallInTarget(const InjectionTarget& target, const PlacedAgent& agent,
                                              RemoteAddress function) {
  const RemoteAddress result_at = agent.context() + offsetof(PyleakContext, result);
  return target.tracer.Run([&]() -> Result<std::chrono::nanoseconds> {
    auto thread = BorrowedThread::Borrow(target.process, target.memory, target.gadgets, target.borrowing);
    if (!thread) return std::move(thread).error();
    const auto result = thread->Call(function, result_at);
    if (!result) return result.error();
    auto held = thread->GiveBack();
    if (held.ok() && *result < 0) return ErrnoError("the agent", static_cast<int>(-*result));
    return held;
  });
}

}  // namespace pyleak::attach
