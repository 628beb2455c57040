#include "attach/inject/gadgets.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace pyleak::attach {
namespace {

/// Larger texts are those of runtimes (Node: 50 MiB); no libc comes near it.
constexpr std::uint64_t kLargestText = std::uint64_t{16} << 20;

bool IsLibc(const Mapping& mapping) {
  const std::string_view path = mapping.path;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("libc.") || name.starts_with("libc-") || name.starts_with("ld-musl");
}

}  // namespace

Result<arch::Gadgets> LocateGadgets(const MemoryReader& memory, const MemoryMap& map) {
  std::vector<const Mapping*> texts;
  for (const Mapping& mapping : map.mappings()) {
    const bool is_text = mapping.executable && mapping.readable && !mapping.writable && mapping.inode != 0;
    if (is_text && mapping.range.size_bytes() <= kLargestText) texts.push_back(&mapping);
  }
  std::stable_partition(texts.begin(), texts.end(), [](const Mapping* text) { return IsLibc(*text); });
  arch::Gadgets gadgets;
  std::vector<std::byte> code;
  for (const Mapping* text : texts) {
    code.resize(text->range.size_bytes());
    code.resize(memory.Read(text->range.begin, code));
    arch::FindGadgets(code, text->range.begin, gadgets);
    if (gadgets.complete()) return gadgets;
  }
  return Error{ErrorCode::kRefused, "no libc was found in the process, through whose code its threads could be led"};
}

}  // namespace pyleak::attach
