#include "symbolize/python/lock_object.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace pyleak::symbolize::python {
namespace {

/// The frames of sem_clockwait and acquire() have some 400 bytes.
constexpr std::size_t kMostStackBytes = 4096;
/// "_thread.RLock" and its zero.
constexpr std::size_t kNameBytes = 14;

/// How lockobject and rlockobject begin (Modules/_threadmodule.c, 3.8 to 3.13): a lockobject has no owner.
struct LockWords {
  std::uint64_t references;
  RemoteAddress type;
  RemoteAddress semaphore;
  RemoteAddress owner;
};

std::string TypeName(const Layout& layout, const attach::MemoryReader& memory, RemoteAddress type) {
  const auto name = memory.ReadValue<RemoteAddress>(type + layout.objects.type.name);
  return name ? memory.ReadString(*name, kNameBytes) : "";
}

/// What acquire() knows is here: it uses its object again when the wait is over.
std::vector<std::uint64_t> WordsOf(const attach::StackSnapshot& sleeper) {
  const auto& registers = sleeper.registers().by_dwarf_number;
  std::vector<std::uint64_t> words(registers.begin(), registers.end());
  const std::span<const std::byte> stack = sleeper.bytes().first(std::min(sleeper.bytes().size(), kMostStackBytes));
  const std::size_t count = stack.size() / sizeof(std::uint64_t);
  words.resize(words.size() + count);
  std::memcpy(words.data() + registers.size(), stack.data(), count * sizeof(std::uint64_t));
  return words;
}

}  // namespace

std::optional<LockObject> FindLockObject(const Layout& layout, const attach::MemoryReader& memory,
                                         const attach::StackSnapshot& sleeper, RemoteAddress futex) {
  for (const std::uint64_t word : WordsOf(sleeper)) {
    if (word == 0 || word % alignof(LockWords) != 0) continue;
    const auto object = memory.ReadValue<LockWords>(RemoteAddress(word));
    if (!object || object->semaphore != futex) continue;
    const std::string name = TypeName(layout, memory, object->type);
    if (name == "_thread.RLock") return LockObject{true, object->owner};
    if (name == "_thread.lock") return LockObject{};
  }
  return std::nullopt;
}

}  // namespace pyleak::symbolize::python
