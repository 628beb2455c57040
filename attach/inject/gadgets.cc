#include "attach/inject/gadgets.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "attach/inject/dynamic_module.h"
#include "attach/inject/unwind_rows.h"

namespace pyleak::attach {
namespace {

/// Larger texts are those of runtimes (Node: 50 MiB); no libc comes near it.
constexpr std::uint64_t kLargestText = std::uint64_t{16} << 20;

bool IsLibc(const Mapping& mapping) {
  const std::string_view path = mapping.path;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("libc.") || name.starts_with("libc-") || name.starts_with("ld-musl");
}

/// The unwind tables of the module that a text belongs to; null if it has none.
RemoteAddress UnwindIndexOf(const Mapping& text, const MemoryReader& memory, const MemoryMap& map) {
  const auto is_header = [&](const Mapping& mapping) {
    return mapping.inode == text.inode && mapping.path == text.path && mapping.file_offset == 0;
  };
  const auto header = std::ranges::find_if(map.mappings(), is_header);
  if (header == map.mappings().end()) return RemoteAddress();
  const auto module = DynamicModule::ParseAt(memory, header->range.begin);
  return module ? module->unwind_index() : RemoteAddress();
}

bool SayAll(const UnwindRows& rows, RemoteAddress gadget, std::span<const arch::FrameAt> frames) {
  constexpr std::uint64_t kRbxBelow = 16;
  return std::ranges::all_of(frames, [&](const arch::FrameAt& frame) {
    const auto row = rows.RowAt(gadget + static_cast<std::uint64_t>(frame.at));
    return row && row->frame_bytes == frame.bytes && (row->rbx_below == kRbxBelow || frame.bytes < kRbxBelow);
  });
}

/// Where a libc has no unwind tables nobody is unwound out of its waits at all, and any way out is as good.
arch::IsUnwoundAs UnwindingThrough(const Mapping& text, const MemoryReader& memory, const MemoryMap& map) {
  const RemoteAddress index = UnwindIndexOf(text, memory, map);
  if (index.is_null()) {
    return [any = IsLibc(text)](RemoteAddress, std::span<const arch::FrameAt>) { return any; };
  }
  return [rows = UnwindRows::Read(memory, index)](RemoteAddress gadget, std::span<const arch::FrameAt> frames) {
    return rows && SayAll(*rows, gadget, frames);
  };
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
    arch::FindGadgets(code, text->range.begin, UnwindingThrough(*text, memory, map), gadgets);
    if (gadgets.complete()) break;
  }
  if (gadgets.can_borrow()) return gadgets;
  return Error{ErrorCode::kRefused, "no libc was found in the process, through whose code its threads could be led"};
}

}  // namespace pyleak::attach
