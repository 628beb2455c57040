#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "attach/base/remote_address.h"
#include "symbolize/python/layout.h"
#include "symbolize/python/object_memory.h"

namespace pyleak::symbolize::python {

enum class ObjectKind {
  kInteger,
  kBoolean,
  kFloat,
  kNone,
  kText,
  kBytes,
  kTuple,
  kList,
  kDict,
  kSet,
  kException,
  kType,
  kFunction,
  kModule,
  kCell,
  kOther,
};

struct ObjectType {
  ObjectKind kind = ObjectKind::kOther;
  std::string name;
  bool exact = false;  ///< The type that `kind` names, not one that is derived from it.
};

/// A sequence or a table, as far as it was asked for.
template <typename T>
struct Elements {
  std::vector<T> first;
  std::uint64_t count = 0;  ///< Of all.
};

struct Integer {
  std::vector<std::uint32_t> digits;  ///< To the base 2^30, the lowest first; empty if there are too many.
  bool negative = false;
  std::uint64_t bits = 0;  ///< No more than the digits could hold.
};

struct PartOfText {
  std::string beginning;    ///< UTF-8, or any bytes.
  std::uint64_t count = 0;  ///< Characters in all, or bytes.
};

/// Reads the objects of CPython, one by one. No function runs in the target, so that nothing of what the object itself
/// would say is known. Whatever is not there yet is nothing, as is what cannot be true: ObjectMemory tells which.
class ObjectReader {
 public:
  using Entry = std::pair<RemoteAddress, RemoteAddress>;  ///< Key, value.

  ObjectReader(const Layout& layout, ObjectMemory& memory) : layout_(layout), memory_(memory) {}

  [[nodiscard]] const Layout& layout() const { return layout_; }
  [[nodiscard]] ObjectMemory& memory() { return memory_; }

  std::optional<ObjectType> Type(RemoteAddress object);

  std::optional<Integer> ReadInteger(RemoteAddress object, std::size_t most_digits);
  std::optional<double> Float(RemoteAddress object);
  /// In UTF-8.
  std::optional<PartOfText> Text(RemoteAddress object, std::size_t most);
  std::optional<PartOfText> Bytes(RemoteAddress object, std::size_t most);
  /// Of an object that is itself a type.
  std::optional<std::string> TypeName(RemoteAddress type);
  std::optional<Elements<RemoteAddress>> Tuple(RemoteAddress object, std::size_t most);
  std::optional<Elements<RemoteAddress>> List(RemoteAddress object, std::size_t most);
  std::optional<Elements<RemoteAddress>> Set(RemoteAddress object, std::size_t most);
  std::optional<Elements<Entry>> Dict(RemoteAddress object, std::size_t most);

  /// Of a PyDictKeysObject; `values`: the PyDictValues that has its values, null where it has them itself.
  std::optional<std::vector<Entry>> Entries(RemoteAddress keys, RemoteAddress values, std::size_t most);

  /// Where a dict's entries lie, deleted ones among them.
  struct DictKeys {
    RemoteAddress entries;
    std::size_t entry_bytes = 0;
    std::size_t key_offset = 0;  ///< In an entry; the value follows the key.
    std::uint64_t count = 0;
  };
  /// Of a PyDictKeysObject.
  std::optional<DictKeys> Keys(RemoteAddress keys);

  /// The pointer at `offset` into an object.
  std::optional<RemoteAddress> Pointer(RemoteAddress object, std::uint64_t offset);

 private:
  std::span<const std::byte> Head(RemoteAddress object, std::size_t least_bytes);
  std::vector<RemoteAddress> Pointers(RemoteAddress from, std::size_t count);

  const Layout& layout_;
  ObjectMemory& memory_;
};

}  // namespace pyleak::symbolize::python
