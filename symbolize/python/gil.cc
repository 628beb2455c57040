#include "symbolize/python/gil.h"

#include <array>
#include <span>

namespace pyleak::symbolize::python {
namespace {

constexpr int kMaxInterpreters = 256;

AddressRange WaitsOf(const Layout& layout, RemoteAddress gil) {
  return {gil + layout.gil.waits(), gil + layout.gil.size_bytes()};
}

}  // namespace

std::optional<AddressRange> FindGilOfFutex(const Runtime& runtime, const attach::MemoryReader& memory,
                                           RemoteAddress futex) {
  const Layout& layout = runtime.layout;
  if (layout.gil.in_runtime) {
    const AddressRange waits = WaitsOf(layout, runtime.address + *layout.gil.in_runtime);
    return waits.Contains(futex) ? std::optional(waits) : std::nullopt;
  }
  auto interpreter = memory.ReadValue<RemoteAddress>(runtime.address + layout.runtime.interpreters_head);
  for (int i = 0; i < kMaxInterpreters && interpreter && !interpreter->is_null(); ++i) {
    const auto gil = memory.ReadValue<RemoteAddress>(*interpreter + layout.gil.in_interpreter);
    if (gil && WaitsOf(layout, *gil).Contains(futex)) return WaitsOf(layout, *gil);
    interpreter = memory.ReadValue<RemoteAddress>(*interpreter + layout.interpreter.next);
  }
  return std::nullopt;
}

std::optional<GilState> ReadGilState(const Layout& layout, const attach::MemoryReader& memory, AddressRange waits) {
  const RemoteAddress gil = waits.begin - layout.gil.waits();
  RemoteAddress last_holder;
  int locked = 0;
  GilState state;
  const std::array<attach::MemoryReader::Request, 3> requests = {
      {{gil + layout.gil.last_holder, std::as_writable_bytes(std::span(&last_holder, 1))},
       {gil + layout.gil.locked, std::as_writable_bytes(std::span(&locked, 1))},
       {gil + layout.gil.switch_number(), std::as_writable_bytes(std::span(&state.switches, 1))}}};
  if (!memory.ReadAll(requests)) return std::nullopt;
  if (locked == 1) state.holder = last_holder;
  return state;
}

std::optional<StateOwner> FindOwner(const Runtime& runtime, const attach::MemoryReader& memory, RemoteAddress state) {
  const Layout& layout = runtime.layout;
  const auto thread_pointer = memory.ReadValue<RemoteAddress>(state + layout.thread.thread_id);
  if (!thread_pointer) return std::nullopt;
  std::optional<int> tid;
  if (layout.thread.native_thread_id) {
    tid = memory.ReadValue<int>(state + *layout.thread.native_thread_id);
  } else if (runtime.tid_in_thread) {
    tid = memory.ReadValue<int>(*thread_pointer + *runtime.tid_in_thread);
  }
  if (!tid || *tid <= 0) return std::nullopt;
  return StateOwner{*thread_pointer, *tid};
}

}  // namespace pyleak::symbolize::python
