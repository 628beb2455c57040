#include "symbolize/collection.h"

#include <algorithm>
#include <string_view>

namespace pyleak::symbolize {

std::optional<std::string> CollectionOfV8(const Stack& native) {
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(native.frames,
                               [&](const Frame& frame) { return frame.name.find(name) != std::string::npos; });
  };
  if (!has("v8::internal::Heap::CollectGarbage")) return std::nullopt;
  if (has("v8::internal::Heap::MarkCompact")) return "mark-compact";
  return has("v8::internal::Heap::Scavenge") ? "scavenge" : "";
}

}  // namespace pyleak::symbolize
