#pragma once

#include <optional>
#include <string_view>

#include "attach/base/remote_address.h"
#include "attach/memory/memory_reader.h"
#include "symbolize/python/layout.h"

namespace pyleak::symbolize::python {

/// The value under `name`, which has ASCII characters only, in a dict however large; nothing if there is none. Reads
/// every key: for places that are looked up once, while no thread is held.
std::optional<RemoteAddress> FindInDict(const Layout& layout, const attach::MemoryReader& memory, RemoteAddress dict,
                                        std::string_view name);

}  // namespace pyleak::symbolize::python
