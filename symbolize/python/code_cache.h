#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/memory/memory_reader.h"
#include "symbolize/python/layout.h"
#include "symbolize/python/working_set.h"

namespace pyleak::symbolize::python {

/// A code object as it was copied: nothing in it has been interpreted yet. A value, so that it can be read while the
/// target's thread runs again and the original may be gone.
struct CodeObject {
  struct Text {
    std::vector<std::byte> characters;
    std::size_t character_bytes = 1;
  };
  /// Of its file name, its name and its line table, and the number of its first line. An address is given out again
  /// after a code object has died; that all of these are the same again as well does not happen.
  struct Identity {
    std::array<RemoteAddress, 3> parts;
    std::int32_t first_line = 0;

    bool operator==(const Identity&) const = default;
  };

  Identity identity;
  Text filename;
  Text name;
  std::vector<std::byte> line_table;
};

/// The code objects seen so far, by address.
class CodeCache {
 public:
  using Pointer = std::shared_ptr<const CodeObject>;

  /// The code objects at `addresses`; null where what lies there cannot be one. Each is compared with the target's
  /// memory by way of `set`, which costs no system call if the last walk met the same ones; those that are new cost two
  /// or three for all of them together.
  std::vector<Pointer> Get(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set,
                           std::span<const RemoteAddress> addresses);

 private:
  [[nodiscard]] bool Knows(RemoteAddress address, const CodeObject::Identity& identity) const;
  void Add(RemoteAddress address, Pointer code);

  std::unordered_map<RemoteAddress, Pointer> by_address_;
  std::size_t size_bytes_ = 0;  ///< Of everything added since it was last empty.
};

}  // namespace pyleak::symbolize::python
