#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "attach/base/remote_address.h"
#include "symbolize/python/object_memory.h"
#include "symbolize/python/object_reader.h"

namespace pyleak::symbolize::python {

/// The attributes that an object itself has, those of its class not among them: of an instance of a class that is
/// written in Python, what its dict holds and what its slots hold. As ObjectReader it knows what is there already.
class Attributes {
 public:
  explicit Attributes(ObjectReader& reader) : reader_(reader), memory_(reader.memory()) {}

  /// The first `most` of the dict and of each class's slots. Nothing where they cannot be known.
  std::optional<std::vector<ObjectReader::Entry>> Of(RemoteAddress object, std::size_t most);

  /// The value of the attribute `name`.
  std::optional<RemoteAddress> Find(RemoteAddress object, std::string_view name);

 private:
  struct Class;

  std::optional<Class> ClassAt(RemoteAddress type);
  std::optional<std::vector<ObjectReader::Entry>> InDict(RemoteAddress object, const Class& type, std::size_t most);
  std::optional<std::vector<ObjectReader::Entry>> BesideTheObject(RemoteAddress object, const Class& type,
                                                                  std::size_t most);
  std::optional<std::vector<ObjectReader::Entry>> InDictAt(RemoteAddress place, std::size_t most);
  void AddSlots(RemoteAddress object, const Class& type, std::size_t most, std::vector<ObjectReader::Entry>& found);

  ObjectReader& reader_;
  ObjectMemory& memory_;
};

}  // namespace pyleak::symbolize::python
