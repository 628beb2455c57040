#include "cli/watch/awaited_lock.h"

#include <sys/syscall.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "attach/proc/stat.h"
#include "attach/trace/mutex_owner.h"
#include "symbolize/python/gil.h"
#include "symbolize/python/lock_object.h"

namespace pyleak::cli {
namespace {

using symbolize::python::Runtime;

/// Threads that compute by turns hand on the GIL every 5 ms (sys.setswitchinterval), a sample takes a fiftieth of that.
constexpr int kTries = 3;

/// Who has a lock at one moment.
struct Owner {
  int tid = 0;                   ///< In the target's own pid namespace.
  RemoteAddress thread_pointer;  ///< Null: not known.
  std::uint64_t switches = 0;    ///< How often the lock has changed hands, where that is counted.

  bool operator==(const Owner&) const = default;
};

/// Holds the owner for a moment; without a sample if the lock has changed hands until then, by what `read` tells.
template <typename ReadOwner>
std::optional<RawHolder> TakeHolder(Sampler& sampler, WatchedProcess& process, int waiter, const ReadOwner& read) {
  const std::optional<Owner> owner = read();
  const auto tid = owner ? process.namespaces().FindThread(owner->tid) : std::nullopt;
  if (!tid || *tid == waiter) return std::nullopt;
  const auto stat = attach::ReadStat(process.pid(), *tid);
  if (!stat || read() != owner) return std::nullopt;
  RawHolder holder{.tid = *tid, .name = stat->name, .sample = {}};
  auto look = attach::ThreadLook::Open({process.pid(), *tid});
  auto sample = look ? sampler.Take(process, *look) : std::move(look).error();
  if (!sample || !sample->has_value()) return holder;
  // The number may be wrong, where a C library says it; the thread pointer is not.
  const RemoteAddress thread_pointer = (*sample)->stack.registers().thread_pointer;
  const bool known = !thread_pointer.is_null() && !owner->thread_pointer.is_null();
  if (known && thread_pointer != owner->thread_pointer) return std::nullopt;
  if (read() == owner) holder.sample = *std::move(sample);
  return holder;
}

std::optional<Owner> OwnerOfState(const Runtime& runtime, const attach::MemoryReader& memory, RemoteAddress state) {
  const auto owner = FindOwner(runtime, memory, state);
  return owner ? std::optional(Owner{owner->tid, owner->thread_pointer}) : std::nullopt;
}

std::optional<Owner> OwnerOfGil(const Runtime& runtime, const attach::MemoryReader& memory, AddressRange gil) {
  const auto state = ReadGilState(runtime.layout, memory, gil);
  if (!state || state->holder.is_null()) return std::nullopt;
  auto owner = OwnerOfState(runtime, memory, state->holder);
  if (owner) owner->switches = state->switches;
  return owner;
}

std::optional<Owner> OwnerOfRLock(const Runtime& runtime, const attach::MemoryReader& memory,
                                  const symbolize::python::LockObject& lock) {
  if (lock.owner.is_null()) return std::nullopt;
  const auto state = FindThreadState(runtime.layout, memory, runtime.address, 0, lock.owner);
  return state ? OwnerOfState(runtime, memory, *state) : std::nullopt;
}

/// The GIL, or a lock of the threading module.
std::optional<RawLock> LookAtPythonLock(Sampler& sampler, WatchedProcess& process, const RawSample& sample,
                                        int waiter) {
  const Runtime& runtime = process.interpreter()->runtime();
  const attach::ProcessMemory& memory = process.memory();
  const RemoteAddress futex(sample.activity.arguments[0]);
  if (const auto gil = FindGilOfFutex(runtime, memory, futex)) {
    RawLock lock{LockKind::kGil, *gil, {}};
    const auto read = [&] { return OwnerOfGil(runtime, memory, *gil); };
    for (int i = 0; i < kTries && !(lock.holder && lock.holder->sample); ++i) {
      lock.holder = TakeHolder(sampler, process, waiter, read);
    }
    return lock;
  }
  const auto find = [&] { return FindLockObject(runtime.layout, memory, sample.stack, futex); };
  const auto object = find();
  if (!object) return std::nullopt;
  RawLock lock{
      object->reentrant ? LockKind::kPythonRLock : LockKind::kPythonLock, {futex, futex + sizeof(std::uint32_t)}, {}};
  if (!object->reentrant) return lock;
  lock.holder = TakeHolder(sampler, process, waiter, [&] {
    const auto now = find();
    return now ? OwnerOfRLock(runtime, memory, *now) : std::nullopt;
  });
  return lock;
}

}  // namespace

std::shared_ptr<const RawLock> LookAtAwaitedLock(Sampler& sampler, WatchedProcess& process, const RawSample& sample,
                                                 int waiter) {
  if (sample.activity.running || sample.activity.system_call != SYS_futex) return nullptr;
  if (process.interpreter()) {
    if (auto lock = LookAtPythonLock(sampler, process, sample, waiter)) {
      return std::make_shared<const RawLock>(*std::move(lock));
    }
  }
  const auto read = [&]() -> std::optional<Owner> {
    const auto tid = attach::MutexOwner(sample.activity, process.memory());
    return tid ? std::optional(Owner{*tid, {}}) : std::nullopt;
  };
  auto holder = TakeHolder(sampler, process, waiter, read);
  if (!holder) return nullptr;
  const RemoteAddress futex(sample.activity.arguments[0]);
  return std::make_shared<const RawLock>(
      RawLock{LockKind::kMutex, {futex, futex + sizeof(std::uint32_t)}, std::move(holder)});
}

std::optional<AwaitedLock> FindAwaitedGil(const WatchedProcess& process, std::span<const SeenActivity> seen) {
  if (!process.interpreter()) return std::nullopt;
  for (const auto& [activity, state, time] : seen) {
    if (activity.running || activity.system_call != SYS_futex) continue;
    const RemoteAddress futex(activity.arguments[0]);
    const auto gil = FindGilOfFutex(process.interpreter()->runtime(), process.memory(), futex);
    if (gil) return AwaitedLock{LockKind::kGil, *gil, {}};
  }
  return std::nullopt;
}

bool IsMutexWait(const symbolize::Stack& native) {
  return std::ranges::any_of(native.frames, [](const symbolize::Frame& frame) {
    return frame.name.find("pthread_mutex_") != std::string::npos;
  });
}

}  // namespace pyleak::cli
