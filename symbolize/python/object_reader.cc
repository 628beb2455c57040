#include "symbolize/python/object_reader.h"

#include <algorithm>
#include <string_view>

#include "symbolize/python/literal.h"
#include "symbolize/python/load.h"
#include "symbolize/python/text.h"

namespace pyleak::symbolize::python {
namespace {

/// Most objects are no larger, so that one read has all of them.
constexpr std::size_t kGuessBytes = 128;
/// A longer name of a type is cut off.
constexpr std::size_t kMaxTypeNameBytes = 100;
/// Include/object.h: Py_TPFLAGS_HEAPTYPE, and the first of the flags that name a base type.
constexpr std::uint64_t kHeapType = std::uint64_t{1} << 9U;
constexpr unsigned kFirstBaseFlag = 24;
/// How much of a table is looked at; what was deleted has left gaps.
constexpr std::size_t kMaxTableBytes = 4096;
constexpr std::size_t kGaps = 8;

struct Base {
  ObjectKind kind;
  std::string_view name;
};

/// In the order of their flags, Py_TPFLAGS_LONG_SUBCLASS to Py_TPFLAGS_TYPE_SUBCLASS.
constexpr Base kFlaggedBases[] = {
    {ObjectKind::kInteger, "int"}, {ObjectKind::kList, "list"}, {ObjectKind::kTuple, "tuple"},
    {ObjectKind::kBytes, "bytes"}, {ObjectKind::kText, "str"},  {ObjectKind::kDict, "dict"},
    {ObjectKind::kException, ""},  {ObjectKind::kType, ""},
};

/// Those without a flag, which are known by their names if the interpreter itself has made them.
constexpr Base kNamedTypes[] = {
    {ObjectKind::kBoolean, "bool"},  {ObjectKind::kFloat, "float"},   {ObjectKind::kNone, "NoneType"},
    {ObjectKind::kSet, "set"},       {ObjectKind::kSet, "frozenset"}, {ObjectKind::kFunction, "function"},
    {ObjectKind::kModule, "module"}, {ObjectKind::kCell, "cell"},
};

std::string Terminated(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    if (byte == std::byte{0}) break;
    text.push_back(static_cast<char>(byte));
  }
  return text;
}

}  // namespace

std::span<const std::byte> ObjectReader::Head(RemoteAddress object, std::size_t least_bytes) {
  return memory_.View(object, least_bytes, kGuessBytes);
}

std::optional<RemoteAddress> ObjectReader::Pointer(RemoteAddress object, std::uint64_t offset) {
  const auto head = Head(object, offset + sizeof(std::uint64_t));
  return head.empty() ? std::nullopt : std::optional(LoadAddress(head, offset));
}

std::vector<RemoteAddress> ObjectReader::Pointers(RemoteAddress from, std::size_t count) {
  const auto bytes = memory_.View(from, count * sizeof(std::uint64_t));
  std::vector<RemoteAddress> pointers;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) pointers.push_back(LoadAddress(bytes, at));
  return pointers;
}

std::optional<std::string> ObjectReader::TypeName(RemoteAddress type) {
  const auto name_address = Pointer(type, layout_.objects.type.name);
  const auto name = name_address ? memory_.ViewSome(*name_address, kMaxTypeNameBytes) : std::span<const std::byte>();
  return name.empty() ? std::nullopt : std::optional(Terminated(name));
}

std::optional<ObjectType> ObjectReader::Type(RemoteAddress object) {
  const ObjectLayout& layout = layout_.objects;
  const auto type = Pointer(object, layout.object.type);
  if (!type) return std::nullopt;
  const auto head = memory_.View(*type, std::max(layout.type.name, layout.type.flags) + sizeof(std::uint64_t));
  if (head.empty()) return std::nullopt;
  auto name = TypeName(*type);
  if (!name) return std::nullopt;
  ObjectType found{.name = name->substr(name->rfind('.') + 1)};
  const auto flags = Load<std::uint64_t>(head, layout.type.flags);
  const bool built_in = (flags & kHeapType) == 0;
  for (std::size_t i = 0; i < std::size(kFlaggedBases); ++i) {
    if ((flags >> (kFirstBaseFlag + i) & 1U) == 0) continue;
    found.kind = kFlaggedBases[i].kind;
    found.exact = built_in && found.name == kFlaggedBases[i].name;
  }
  for (const Base& base : kNamedTypes) {
    if (built_in && found.name == base.name) found = {base.kind, found.name, true};
  }
  return found;
}

std::optional<Integer> ObjectReader::ReadInteger(RemoteAddress object, std::size_t most_digits) {
  const auto& layout = layout_.objects.integer;
  const auto head = Head(object, layout.digits);
  if (head.empty()) return std::nullopt;
  const auto size = Load<std::int64_t>(head, layout.size);
  // lv_tag (3.12, Include/cpython/longintrepr.h): the sign in the two lowest bits, 2 is below zero.
  Integer integer;
  integer.negative = layout.has_tag ? (size & 3) == 2 : size < 0;
  const auto magnitude = size < 0 ? 0 - static_cast<std::uint64_t>(size) : static_cast<std::uint64_t>(size);
  const std::uint64_t count = layout.has_tag ? static_cast<std::uint64_t>(size) >> 3U : magnitude;
  integer.bits = count * kIntegerDigitBits;
  if (count > most_digits) return integer;
  const auto whole = Head(object, layout.digits + count * sizeof(std::uint32_t));
  if (whole.empty()) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    integer.digits.push_back(Load<std::uint32_t>(whole, layout.digits + i * sizeof(std::uint32_t)));
  }
  if (count == 0) integer.digits.push_back(0);
  return integer;
}

std::optional<double> ObjectReader::Float(RemoteAddress object) {
  const auto head = Head(object, layout_.objects.floating.value + sizeof(double));
  return head.empty() ? std::nullopt : std::optional(Load<double>(head, layout_.objects.floating.value));
}

std::optional<PartOfText> ObjectReader::Text(RemoteAddress object, std::size_t most) {
  const auto head = Head(object, TextHeaderBytes(layout_));
  const auto location = head.empty() ? std::nullopt : LocateText(layout_, object, head, most);
  if (!location) return std::nullopt;
  const auto count = Load<std::uint64_t>(head, layout_.text.length);
  if (location->size_bytes == 0) return PartOfText{{}, count};
  const auto characters = memory_.View(location->begin, location->size_bytes);
  if (characters.empty()) return std::nullopt;
  return PartOfText{ToUtf8(characters, location->character_bytes), count};
}

std::optional<PartOfText> ObjectReader::Bytes(RemoteAddress object, std::size_t most) {
  const auto head = Head(object, layout_.bytes.data);
  if (head.empty()) return std::nullopt;
  const auto count = Load<std::uint64_t>(head, layout_.bytes.size);
  if (count == 0) return PartOfText{{}, count};
  const auto bytes = memory_.View(object + layout_.bytes.data, std::min<std::uint64_t>(count, most));
  if (bytes.empty()) return std::nullopt;
  std::string text;
  for (const std::byte byte : bytes) text.push_back(static_cast<char>(byte));
  return PartOfText{std::move(text), count};
}

std::optional<Elements<RemoteAddress>> ObjectReader::Tuple(RemoteAddress object, std::size_t most) {
  const auto& layout = layout_.objects.tuple;
  const auto head = Head(object, layout.items);
  if (head.empty()) return std::nullopt;
  Elements<RemoteAddress> items{.first = {}, .count = Load<std::uint64_t>(head, layout.size)};
  const auto shown = std::min<std::uint64_t>(items.count, most);
  items.first = Pointers(object + layout.items, shown);
  return items.first.size() == shown ? std::optional(std::move(items)) : std::nullopt;
}

std::optional<Elements<RemoteAddress>> ObjectReader::List(RemoteAddress object, std::size_t most) {
  const auto& layout = layout_.objects.list;
  const auto head = Head(object, layout.items + sizeof(std::uint64_t));
  if (head.empty()) return std::nullopt;
  Elements<RemoteAddress> items{.first = {}, .count = Load<std::uint64_t>(head, layout.size)};
  const auto shown = std::min<std::uint64_t>(items.count, most);
  items.first = Pointers(LoadAddress(head, layout.items), shown);
  return items.first.size() == shown ? std::optional(std::move(items)) : std::nullopt;
}

std::optional<Elements<RemoteAddress>> ObjectReader::Set(RemoteAddress object, std::size_t most) {
  struct Slot {  // setentry: Include/cpython/setobject.h
    RemoteAddress key;
    std::int64_t hash;
  };
  const auto& layout = layout_.objects.set;
  const auto head = Head(object, layout.table + sizeof(std::uint64_t));
  if (head.empty()) return std::nullopt;
  Elements<RemoteAddress> items{.first = {}, .count = Load<std::uint64_t>(head, layout.used)};
  const std::uint64_t last = Load<std::uint64_t>(head, layout.mask);
  const auto table_bytes = std::min<std::uint64_t>(last, kMaxTableBytes / sizeof(Slot) - 1) * sizeof(Slot);
  const auto table = memory_.View(LoadAddress(head, layout.table), table_bytes + sizeof(Slot));
  if (table.empty()) return std::nullopt;
  for (std::size_t at = 0; at < table.size() && items.first.size() < most; at += sizeof(Slot)) {
    const auto entry = Load<Slot>(table, at);
    // -1 is no object's hash: the mark of an entry that was removed (Objects/setobject.c).
    if (!entry.key.is_null() && entry.hash != -1) items.first.push_back(entry.key);
  }
  return items;
}

std::optional<ObjectReader::DictKeys> ObjectReader::Keys(RemoteAddress keys) {
  const auto& layout = layout_.objects.keys;
  const auto head = Head(keys, layout.indices);
  if (head.empty()) return std::nullopt;
  DictKeys found;
  found.count = Load<std::uint64_t>(head, layout.count);
  std::uint64_t index_bytes = 0;
  bool hashed = true;  // Each entry begins with its key's hash.
  if (layout.has_kind) {
    // struct _dictkeysobject and DictKeysKind: Include/internal/pycore_dict.h.
    const auto log2_index_bytes = Load<std::uint8_t>(head, layout.size + 1);
    hashed = Load<std::uint8_t>(head, layout.size + 2) == 0;
    if (log2_index_bytes >= 40) return std::nullopt;
    index_bytes = std::uint64_t{1} << log2_index_bytes;
  } else {
    // DK_IXSIZE: Objects/dictobject.c.
    const auto size = Load<std::uint64_t>(head, layout.size);
    index_bytes = size * (size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8);
  }
  found.entries = keys + layout.indices + index_bytes;
  found.key_offset = hashed ? sizeof(std::int64_t) : 0;
  found.entry_bytes = found.key_offset + 2 * sizeof(std::uint64_t);
  return found;
}

std::optional<Elements<ObjectReader::Entry>> ObjectReader::Dict(RemoteAddress object, std::size_t most) {
  const auto& layout = layout_.objects.dict;
  const auto head = Head(object, std::max(layout.keys, layout.values) + sizeof(std::uint64_t));
  if (head.empty()) return std::nullopt;
  Elements<Entry> items{.first = {}, .count = Load<std::uint64_t>(head, layout.used)};
  if (items.count == 0) return items;
  auto entries = Entries(LoadAddress(head, layout.keys), LoadAddress(head, layout.values), most);
  if (!entries) return std::nullopt;
  items.first = *std::move(entries);
  return items;
}

std::optional<std::vector<ObjectReader::Entry>> ObjectReader::Entries(RemoteAddress keys_address, RemoteAddress values,
                                                                      std::size_t most) {
  const auto keys = Keys(keys_address);
  if (!keys) return std::nullopt;
  const std::size_t count =
      std::min<std::uint64_t>(keys->count, std::min(most + kGaps, kMaxTableBytes / keys->entry_bytes));
  if (count == 0) return std::vector<Entry>();
  const auto entries = memory_.View(keys->entries, count * keys->entry_bytes);
  // A table that several instances share has its values elsewhere, one array for each.
  const bool shared = !values.is_null();
  const auto elsewhere =
      shared ? Pointers(values + layout_.objects.values.values, count) : std::vector<RemoteAddress>();
  if (entries.empty() || (shared && elsewhere.empty())) return std::nullopt;
  std::vector<Entry> found;
  for (std::size_t i = 0; i < count && found.size() < most; ++i) {
    const std::uint64_t at = i * keys->entry_bytes + keys->key_offset;
    const RemoteAddress value = shared ? elsewhere[i] : LoadAddress(entries, at + sizeof(std::uint64_t));
    if (!value.is_null()) found.emplace_back(LoadAddress(entries, at), value);
  }
  return found;
}

}  // namespace pyleak::symbolize::python
