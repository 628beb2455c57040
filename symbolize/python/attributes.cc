#include "symbolize/python/attributes.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "symbolize/python/load.h"

namespace pyleak::symbolize::python {
namespace {

using Entry = ObjectReader::Entry;

/// Include/object.h: Py_TPFLAGS_INLINE_VALUES, Py_TPFLAGS_MANAGED_DICT and Py_TPFLAGS_HEAPTYPE.
constexpr std::uint64_t kInlineValues = std::uint64_t{1} << 2U;
constexpr std::uint64_t kManagedDict = std::uint64_t{1} << 4U;
constexpr std::uint64_t kHeapType = std::uint64_t{1} << 9U;
/// No instance of a class is larger but for what it holds in a dict.
constexpr std::uint64_t kMaxInstanceBytes = 2048;
constexpr int kMaxBases = 8;
/// More than that are not looked through for a name.
constexpr std::size_t kMaxNamed = 50;
constexpr std::size_t kMaxNameCharacters = 100;
constexpr std::uint64_t kPointer = sizeof(std::uint64_t);

}  // namespace

struct Attributes::Class {
  std::uint64_t flags = 0;
  std::uint64_t instance_bytes = 0;
  std::int64_t dict_offset = 0;
  RemoteAddress base;
  RemoteAddress slots;
  RemoteAddress cached_keys;

  [[nodiscard]] bool Has(std::uint64_t flag) const { return (flags & flag) != 0; }
};

std::optional<Attributes::Class> Attributes::ClassAt(RemoteAddress type) {
  const ObjectLayout& layout = reader_.layout().objects;
  const auto head = memory_.View(type, layout.type.dict_offset + kPointer);
  if (head.empty()) return std::nullopt;
  Class found{.flags = Load<std::uint64_t>(head, layout.type.flags),
              .instance_bytes = Load<std::uint64_t>(head, layout.type.basic_size),
              .dict_offset = Load<std::int64_t>(head, layout.type.dict_offset),
              .base = LoadAddress(head, layout.type.base),
              .slots = {},
              .cached_keys = {}};
  if (found.instance_bytes > kMaxInstanceBytes) return std::nullopt;
  if (!found.Has(kHeapType)) return found;
  const auto rest =
      memory_.View(type + layout.heap_type.slots, layout.heap_type.cached_keys - layout.heap_type.slots + kPointer);
  if (rest.empty()) return std::nullopt;
  found.slots = LoadAddress(rest, 0);
  found.cached_keys = LoadAddress(rest, layout.heap_type.cached_keys - layout.heap_type.slots);
  return found;
}

std::optional<std::vector<Entry>> Attributes::Of(RemoteAddress object, std::size_t most) {
  const ObjectLayout& layout = reader_.layout().objects;
  const auto type = layout.heap_type.slots != 0 ? reader_.Pointer(object, layout.object.type) : std::nullopt;
  auto at = type ? ClassAt(*type) : std::nullopt;
  if (!at || !at->Has(kHeapType)) return std::nullopt;
  auto found = InDict(object, *at, most);
  for (int i = 0; found && at && at->Has(kHeapType) && i < kMaxBases; ++i) {
    AddSlots(object, *at, most, *found);
    at = ClassAt(at->base);
  }
  return found;
}

std::optional<RemoteAddress> Attributes::Find(RemoteAddress object, std::string_view name) {
  const auto attributes = Of(object, kMaxNamed);
  if (!attributes) return std::nullopt;
  std::optional<RemoteAddress> found;
  for (const auto& [key, value] : *attributes) {
    const auto text = reader_.Text(key, kMaxNameCharacters);
    if (text && text->beginning == name) found = value;
  }
  return found;
}

std::optional<std::vector<Entry>> Attributes::InDict(RemoteAddress object, const Class& type, std::size_t most) {
  if (reader_.layout().version.minor >= 11 && type.Has(kManagedDict)) return BesideTheObject(object, type, most);
  if (type.dict_offset == 0) return std::vector<Entry>();
  // Below 0 it counts from the end of an object of variable size, which is none of a class's own.
  if (type.dict_offset < 0 || type.dict_offset > static_cast<std::int64_t>(kMaxInstanceBytes)) return std::nullopt;
  return InDictAt(object + static_cast<std::uint64_t>(type.dict_offset), most);
}

/// Before the object there is a pointer to its dict; while it needs none, its values lie in an array whose names the
/// class knows: Include/internal/pycore_object.h.
std::optional<std::vector<Entry>> Attributes::BesideTheObject(RemoteAddress object, const Class& type,
                                                              std::size_t most) {
  const int minor = reader_.layout().version.minor;
  const RemoteAddress dict = object - 3 * kPointer;
  RemoteAddress values;
  if (minor == 11) {  // _PyObject_ValuesPointer
    const auto before = memory_.View(object - 4 * kPointer, kPointer);
    if (before.empty()) return std::nullopt;
    values = LoadAddress(before, 0);
  } else if (minor == 12) {  // _PyDictOrValues_IsValues: the address less one
    const auto before = memory_.View(dict, kPointer);
    if (before.empty()) return std::nullopt;
    const RemoteAddress either = LoadAddress(before, 0);
    if (either.value() % 2 == 1) values = either + 1;
  } else if (type.Has(kInlineValues)) {  // PyDictValues.valid, Include/internal/pycore_dict.h
    const auto behind = memory_.View(object + type.instance_bytes, kPointer);
    if (behind.empty()) return std::nullopt;
    if (Load<std::uint8_t>(behind, 3) != 0) values = object + type.instance_bytes;
  }
  return values.is_null() ? InDictAt(dict, most) : reader_.Entries(type.cached_keys, values, most);
}

std::optional<std::vector<Entry>> Attributes::InDictAt(RemoteAddress place, std::size_t most) {
  const auto pointer = memory_.View(place, kPointer);
  if (pointer.empty()) return std::nullopt;
  const RemoteAddress dict = LoadAddress(pointer, 0);
  if (dict.is_null()) return std::vector<Entry>();
  auto entries = reader_.Dict(dict, most);
  return entries ? std::optional(std::move(entries->first)) : std::nullopt;
}

/// They follow what the class's base has, in the order of their names (Objects/typeobject.c, type_new_slots).
void Attributes::AddSlots(RemoteAddress object, const Class& type, std::size_t most, std::vector<Entry>& found) {
  const auto names = type.slots.is_null() ? std::nullopt : reader_.Tuple(type.slots, most);
  const auto base = names ? ClassAt(type.base) : std::nullopt;
  if (!base) return;
  const auto values = memory_.View(object + base->instance_bytes, names->first.size() * kPointer);
  for (std::size_t i = 0; i < names->first.size() && !values.empty(); ++i) {
    const RemoteAddress value = LoadAddress(values, i * kPointer);
    if (!value.is_null()) found.emplace_back(names->first[i], value);
  }
}

}  // namespace pyleak::symbolize::python
