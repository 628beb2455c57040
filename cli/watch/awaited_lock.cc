#include "cli/watch/awaited_lock.h"

#include <sys/syscall.h>

#include <utility>

#include "attach/proc/stat.h"
#include "symbolize/python/gil.h"

namespace pyleak::cli {
namespace {

using symbolize::python::GilState;
using symbolize::python::Runtime;

/// Threads that compute by turns hand on the GIL every 5 ms (sys.setswitchinterval), a sample takes a fiftieth of that.
constexpr int kTries = 3;

/// Nothing if the GIL has changed hands meanwhile.
std::optional<RawHolder> TakeGilHolder(Sampler& sampler, WatchedProcess& process, AddressRange gil, int waiter) {
  const Runtime& runtime = process.interpreter()->runtime();
  const auto state = ReadGilState(runtime.layout, process.memory(), gil);
  if (!state || state->holder.is_null()) return std::nullopt;
  const auto owner = FindOwner(runtime, process.memory(), state->holder);
  const auto tid = owner ? process.namespaces().FindThread(owner->tid) : std::nullopt;
  if (!tid || *tid == waiter) return std::nullopt;
  RawHolder holder{.tid = *tid, .name = {}, .sample = {}};
  if (const auto stat = attach::ReadStat(process.pid(), *tid)) holder.name = stat->name;
  auto look = attach::ThreadLook::Open({process.pid(), *tid});
  auto sample = look ? sampler.Take(process, *look) : std::move(look).error();
  if (ReadGilState(runtime.layout, process.memory(), gil) != state) return std::nullopt;
  if (!sample || !sample->has_value()) return holder;
  // The number may be wrong, where a C library says it; the thread pointer is not.
  const RemoteAddress thread_pointer = (*sample)->stack.registers().thread_pointer;
  if (!thread_pointer.is_null() && thread_pointer != owner->thread_pointer) return std::nullopt;
  holder.sample = *std::move(sample);
  return holder;
}

}  // namespace

std::shared_ptr<const RawLock> LookAtAwaitedLock(Sampler& sampler, WatchedProcess& process,
                                                 const attach::ThreadActivity& activity, int waiter) {
  if (activity.running || activity.system_call != SYS_futex || !process.interpreter()) return nullptr;
  const RemoteAddress futex(activity.arguments[0]);
  const auto gil = FindGilOfFutex(process.interpreter()->runtime(), process.memory(), futex);
  if (!gil) return nullptr;
  auto lock = std::make_shared<RawLock>(RawLock{*gil, {}});
  for (int i = 0; i < kTries && !lock->holder; ++i) lock->holder = TakeGilHolder(sampler, process, *gil, waiter);
  return lock;
}

}  // namespace pyleak::cli
