#include "symbolize/python/collector.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace pyleak::symbolize::python {
namespace {

constexpr int kMaxInterpreters = 256;

using State = std::array<std::byte, Layout::kCollectorBytes>;

int Load(const State& state, std::size_t offset) {
  int value = 0;
  std::memcpy(&value, state.data() + offset, sizeof value);
  return value;
}

/// A collection sets the counts of its generation and of the younger ones to 0 when it begins, and adds one to that of
/// the next older one (collect(), gc_collect_main()). Meanwhile only the youngest one's changes.
int GenerationOf(const State& state) {
  if (Load(state, Layout::CountOfGeneration(1)) != 0) return 0;
  return Load(state, Layout::CountOfGeneration(2)) != 0 ? 1 : 2;
}

}  // namespace

std::optional<Collection> FindCollection(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set,
                                         RemoteAddress runtime) {
  const auto look = [&](RemoteAddress at) -> std::optional<Collection> {
    const auto state = set.Value<State>(memory, at);
    if (!state || Load(*state, Layout::kCollecting) != 1) return std::nullopt;
    return Collection{{at, at + sizeof(State)}, GenerationOf(*state)};
  };
  if (layout.collector.in_runtime) return look(runtime + *layout.collector.in_runtime);
  if (!layout.collector.in_interpreter) return std::nullopt;
  auto interpreter = set.Value<RemoteAddress>(memory, runtime + layout.runtime.interpreters_head);
  for (int i = 0; i < kMaxInterpreters && interpreter && !interpreter->is_null(); ++i) {
    if (auto found = look(*interpreter + *layout.collector.in_interpreter)) return found;
    interpreter = set.Value<RemoteAddress>(memory, *interpreter + layout.interpreter.next);
  }
  return std::nullopt;
}

bool IsCollecting(const attach::StackSnapshot& thread, const Collection& collection) {
  const auto is_its = [&](std::uint64_t word) { return collection.state.Contains(RemoteAddress(word)); };
  if (std::ranges::any_of(thread.registers().by_dwarf_number, is_its)) return true;
  const std::span<const std::byte> stack = thread.bytes();
  for (std::size_t at = 0; at + sizeof(std::uint64_t) <= stack.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, stack.data() + at, sizeof word);
    if (is_its(word)) return true;
  }
  return false;
}

}  // namespace pyleak::symbolize::python
