#include "symbolize/python/dict.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "symbolize/python/load.h"
#include "symbolize/python/object_memory.h"
#include "symbolize/python/object_reader.h"
#include "symbolize/python/text.h"
#include "symbolize/python/working_set.h"

namespace pyleak::symbolize::python {
namespace {

/// More names than any module, or modules than any program, has.
constexpr std::uint64_t kMaxEntries = 65536;
/// Keys that are looked at with one system call.
constexpr std::size_t kKeysAtOnce = 512;

std::optional<ObjectReader::DictKeys> LocateEntries(const Layout& layout, const attach::MemoryReader& memory,
                                                    RemoteAddress dict) {
  WorkingSet set;
  ObjectMemory objects(memory, set);
  ObjectReader reader(layout, objects);
  do {
    const auto keys = reader.Pointer(dict, layout.objects.dict.keys);
    auto found = keys ? reader.Keys(*keys) : std::nullopt;
    if (found) return found;
  } while (objects.Fetch());
  return std::nullopt;
}

/// A string's header, and as many characters as `name` has, which lie directly behind it if they are ASCII.
std::size_t TextBytes(const Layout& layout, std::string_view name) {
  return std::max(TextHeaderBytes(layout), static_cast<std::size_t>(layout.text.ascii_size) + name.size());
}

bool IsText(const Layout& layout, RemoteAddress address, std::span<const std::byte> object, std::string_view name) {
  const auto text = LocateText(layout, address, object, name.size() + 1);
  return text && text->begin == address + layout.text.ascii_size && text->size_bytes == name.size() &&
         std::memcmp(object.data() + layout.text.ascii_size, name.data(), name.size()) == 0;
}

/// Which of `keys` is `name`.
std::optional<std::size_t> FindKey(const Layout& layout, const attach::MemoryReader& memory,
                                   std::span<const RemoteAddress> keys, std::string_view name) {
  const std::size_t text_bytes = TextBytes(layout, name);
  std::vector<std::byte> texts(keys.size() * text_bytes);
  std::vector<attach::MemoryReader::Request> requests;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    requests.push_back({keys[i], std::span(texts).subspan(i * text_bytes, text_bytes)});
  }
  const bool whole = memory.ReadAll(requests);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto& [from, into] = requests[i];
    if ((whole || memory.Read(from, into) == into.size()) && IsText(layout, from, into, name)) return i;
  }
  return std::nullopt;
}

}  // namespace

std::optional<RemoteAddress> FindInDict(const Layout& layout, const attach::MemoryReader& memory, RemoteAddress dict,
                                        std::string_view name) {
  const auto at = LocateEntries(layout, memory, dict);
  if (!at) return std::nullopt;
  const std::uint64_t count = std::min(at->count, kMaxEntries);
  std::vector<std::byte> entries(kKeysAtOnce * at->entry_bytes);
  std::vector<RemoteAddress> keys;
  for (std::uint64_t begin = 0; begin < count; begin += kKeysAtOnce) {
    const std::size_t present = std::min<std::uint64_t>(kKeysAtOnce, count - begin);
    const std::span<std::byte> part = std::span(entries).first(present * at->entry_bytes);
    if (memory.Read(at->entries + begin * at->entry_bytes, part) != part.size()) return std::nullopt;
    keys.clear();
    for (std::size_t i = 0; i < present; ++i) keys.push_back(LoadAddress(part, i * at->entry_bytes + at->key_offset));
    const auto found = FindKey(layout, memory, keys, name);
    if (!found) continue;
    const RemoteAddress value = LoadAddress(part, *found * at->entry_bytes + at->key_offset + sizeof(std::uint64_t));
    return value.is_null() ? std::nullopt : std::optional(value);
  }
  return std::nullopt;
}

}  // namespace pyleak::symbolize::python
