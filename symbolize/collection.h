#pragma once

#include <optional>
#include <string>

#include "symbolize/stack.h"

namespace pyleak::symbolize {

/// What V8's garbage collector does on that stack ("mark-compact", "scavenge", or empty: not known); nothing if none of
/// the frames is it.
std::optional<std::string> CollectionOfV8(const Stack& native);

}  // namespace pyleak::symbolize
