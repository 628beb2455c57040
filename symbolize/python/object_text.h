#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "attach/base/remote_address.h"
#include "symbolize/python/object_reader.h"
#include "symbolize/redaction.h"

namespace pyleak::symbolize::python {

/// Objects as repr() would show them, where that is known without running it, shortened: `{'id': 7, 'tags': ['a', ...
/// 12 more]}`, `<Request method='GET', size=7>`. What is not known is `...`. Of a table, a pair or an instance, what
/// belongs to a name that is to be hidden is `<redacted>`.
class ObjectText {
 public:
  ObjectText(ObjectReader& reader, const Redaction& redaction) : reader_(reader), redaction_(redaction) {}

  std::string Of(RemoteAddress object);

 private:
  void Add(RemoteAddress object, int depth);
  void AddObject(RemoteAddress object, const ObjectType& type, int depth);
  void AddInteger(RemoteAddress object, bool is_boolean);
  void AddText(const std::optional<PartOfText>& text, bool is_bytes);
  void AddItems(const std::optional<Elements<RemoteAddress>>& items, const char* brackets, int depth);
  void AddTuple(const std::optional<Elements<RemoteAddress>>& items, int depth);
  void AddSet(RemoteAddress object, const ObjectType& type, int depth);
  void AddDict(RemoteAddress object, int depth);
  /// One level deep: of what an attribute refers to in turn only the type.
  void AddInstance(RemoteAddress object, const ObjectType& type, int depth);
  void AddNamed(const char* what, const std::optional<std::string>& name);
  /// What is left out after `shown` of `count`.
  void AddMore(std::size_t shown, std::uint64_t count);
  [[nodiscard]] bool IsFull(int depth) const;
  std::optional<std::string> NameAt(RemoteAddress object, std::uint64_t offset);
  /// Whether what is called `name`, if that is a string or bytes, is not to be shown.
  bool Hides(RemoteAddress name);

  ObjectReader& reader_;
  const Redaction& redaction_;
  std::string text_;
};

}  // namespace pyleak::symbolize::python
