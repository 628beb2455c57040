#include "symbolize/python/layout.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <string_view>

namespace pyleak::symbolize::python {
namespace {

constexpr ObjectLayout kObjects38 = [] {
  ObjectLayout objects;
  objects.frame = {.globals = 48, .locals = 56, .localsplus = 360};
  objects.code = {.flags = 36, .names = 72, .kinds = 0, .cell_vars = 88, .free_vars = 80};
  objects.keys = {.size = 8, .count = 32, .indices = 40, .has_kind = false};
  objects.function = {.qualname = 104};
  objects.heap_type = {.slots = 856, .cached_keys = 872};
  return objects;
}();

constexpr ObjectLayout kObjects310 = [] {
  ObjectLayout objects = kObjects38;
  objects.frame.localsplus = 352;
  objects.function = {};
  return objects;
}();

constexpr ObjectLayout kObjects311 = [] {
  ObjectLayout objects;
  objects.frame = {.globals = 8, .locals = 24, .localsplus = 72};
  objects.heap_type = {.slots = 856, .cached_keys = 872};
  return objects;
}();

constexpr ObjectLayout kObjects312 = [] {
  ObjectLayout objects;
  objects.frame = {.globals = 24, .locals = 40, .localsplus = 72};
  objects.integer.has_tag = true;
  objects.heap_type = {.slots = 864, .cached_keys = 880};
  return objects;
}();

/// 3.8, 3.9: Include/internal/pycore_pystate.h (3.8), pycore_interp.h and pycore_runtime.h (3.9), Include/cpython/
/// pystate.h, frameobject.h, code.h and unicodeobject.h. The fields that are read here did not move between the two.
constexpr Layout kPython38 = {
    .version = {3, 8},
    .frame_form = FrameForm::kObject,
    .line_table_form = LineTableForm::kLnotab,
    .runtime = {.interpreters_head = 32},
    .interpreter = {.next = 0, .threads_head = 8, .modules = 56},
    .thread = {.next = 8,
               .thread_id = 176,
               .native_thread_id = {},
               .frame = 24,
               .cframe_current_frame = {},
               .cframe_previous = {},
               .datastack_chunk = {}},
    .frame = {.previous = 24, .code = 32, .instruction = 104, .owner = 0},
    .code = {.filename = 104, .name = 112, .line_table = 120, .first_line = 40, .bytecode = 0},
    .bytes = {.size = 16, .data = 32},
    .text = {.length = 16, .state = 32, .ascii_size = 48, .compact_size = 72},
    .objects = kObjects38,
    .generator = {.frame = 16, .qualified_name = 56},
    .task = {.coroutine = 112, .name = 120},
    .gil = {.in_runtime = 1152},
    .collector = {.in_runtime = 344, .in_interpreter = {}},
};

constexpr Layout kPython39 = [] {
  Layout layout = kPython38;
  layout.version = {3, 9};
  layout.interpreter.modules = 856;
  layout.objects.heap_type = {.slots = 848, .cached_keys = 864};
  layout.task = {.coroutine = 152, .name = 160};
  layout.gil.in_runtime = 352;
  layout.collector = {.in_runtime = {}, .in_interpreter = 616};
  return layout;
}();

/// 3.10: the same headers; f_stacktop has left PyFrameObject, and the line table is another.
constexpr Layout kPython310 = [] {
  Layout layout = kPython39;
  layout.version = {3, 10};
  layout.line_table_form = LineTableForm::kLineDeltas;
  layout.frame.instruction = 96;
  layout.objects = kObjects310;
  layout.generator.qualified_name = 48;
  layout.task = {.coroutine = 160, .name = 168};
  return layout;
}();

/// 3.11: Include/internal/pycore_frame.h, pycore_interp.h and pycore_runtime.h, Include/cpython/pystate.h and code.h.
constexpr Layout kPython311 = {
    .version = {3, 11},
    .frame_form = FrameForm::kEntryFlag,
    .line_table_form = LineTableForm::kLocations,
    .runtime = {.interpreters_head = 40},
    .interpreter = {.next = 0, .threads_head = 16, .modules = 888},
    .thread = {.next = 8,
               .thread_id = 152,
               .native_thread_id = 160,
               .frame = 56,
               .cframe_current_frame = 8,
               .cframe_previous = 16,
               .datastack_chunk = 296},
    .frame = {.previous = 48, .code = 32, .instruction = 56, .owner = 68},
    .code = {.filename = 112, .name = 120, .line_table = 136, .first_line = 72, .bytecode = 184},
    .bytes = {.size = 16, .data = 32},
    .text = {.length = 16, .state = 32, .ascii_size = 48, .compact_size = 72},
    .objects = kObjects311,
    .generator = {.frame = 80, .qualified_name = 40},
    .task = {.coroutine = 136, .name = 144},
    .gil = {.in_runtime = 360},
    .collector = {.in_runtime = {}, .in_interpreter = 648},
};

/// 3.12: the same headers as 3.11; wstr has left the string objects (PEP 623).
constexpr Layout kPython312 = {
    .version = {3, 12},
    .frame_form = FrameForm::kShim,
    .line_table_form = LineTableForm::kLocations,
    .runtime = {.interpreters_head = 40},
    .interpreter = {.next = 0, .threads_head = 72, .modules = 944},
    .thread = {.next = 8,
               .thread_id = 136,
               .native_thread_id = 144,
               .frame = 56,
               .cframe_current_frame = 0,
               .cframe_previous = 8,
               .datastack_chunk = 232},
    .frame = {.previous = 8, .code = 0, .instruction = 56, .owner = 70},
    .code = {.filename = 112, .name = 120, .line_table = 136, .first_line = 68, .bytecode = 192},
    .bytes = {.size = 16, .data = 32},
    .text = {.length = 16, .state = 32, .ascii_size = 40, .compact_size = 56},
    .objects = kObjects312,
    .generator = {.frame = 72, .qualified_name = 32},
    .task = {.coroutine = 136, .name = 144},
    .gil = {.in_runtime = {}, .in_interpreter = 384},
    .collector = {.in_runtime = {}, .in_interpreter = 112},
};

constexpr std::array<const Layout*, 5> kLayouts = {&kPython38, &kPython39, &kPython310, &kPython311, &kPython312};

constexpr std::string_view kCookie = "xdebugpy";

/// Which word of _Py_DebugOffsets has which offset. The structure grows in the middle from version to version, so that
/// it needs a table as well, but a far smaller one.
struct DebugOffsetsIndex {
  std::size_t modules;  ///< interpreter_state.imports_modules
  std::size_t gil;      ///< interpreter_state.ceval_gil
  std::size_t thread;   ///< thread_state.size
  std::size_t frame;    ///< interpreter_frame.size
  std::size_t code;     ///< code_object.size
  std::size_t object;   ///< pyobject.size
  std::size_t dict;     ///< dict_object.size; float_object and long_object follow.
  std::size_t bytes;    ///< bytes_object.size
  std::size_t unicode;  ///< unicode_object.size
};

/// Include/internal/pycore_runtime.h of 3.13; Include/internal/pycore_debug_offsets.h of 3.14, which is also tried for
/// whatever comes later.
constexpr DebugOffsetsIndex kDebugOffsets313 = {.modules = 11,
                                                .gil = 14,
                                                .thread = 19,
                                                .frame = 28,
                                                .code = 34,
                                                .object = 44,
                                                .dict = 56,
                                                .bytes = 64,
                                                .unicode = 67};
constexpr DebugOffsetsIndex kDebugOffsets314 = {.modules = 12,
                                                .gil = 15,
                                                .thread = 22,
                                                .frame = 31,
                                                .code = 39,
                                                .object = 50,
                                                .dict = 66,
                                                .bytes = 74,
                                                .unicode = 77};

/// No structure that holds one of our fields is larger; _PyRuntimeState and PyInterpreterState are, by far.
constexpr std::uint64_t kMaxOffset = 4096;
constexpr std::uint64_t kMaxStateOffset = 1 << 20;

bool Plausible(const Layout& layout) {
  const auto within = [](std::initializer_list<std::uint64_t> offsets, std::uint64_t limit) {
    return std::max(offsets) < limit;
  };
  return within({layout.runtime.interpreters_head, layout.interpreter.next, layout.interpreter.threads_head,
                 layout.interpreter.modules, layout.gil.in_interpreter, layout.collector.in_interpreter.value_or(0)},
                kMaxStateOffset) &&
         within({layout.gil.last_holder, layout.gil.locked}, kMaxOffset) &&
         within({layout.thread.next, layout.thread.thread_id, *layout.thread.native_thread_id, layout.thread.frame,
                 *layout.thread.datastack_chunk},
                kMaxOffset) &&
         within({layout.frame.previous, layout.frame.code, layout.frame.instruction, layout.frame.owner}, kMaxOffset) &&
         within({layout.code.filename, layout.code.name, layout.code.line_table, layout.code.first_line,
                 layout.code.bytecode, layout.bytes.size, layout.bytes.data},
                kMaxOffset) &&
         layout.text.compact_size < kMaxOffset &&
         within({layout.text.length, layout.text.state, layout.text.ascii_size}, layout.text.compact_size) &&
         layout.bytes.size + sizeof(std::uint64_t) <= layout.bytes.data;
}

using DebugOffsetsWords = std::array<std::uint64_t, Layout::kDebugOffsetsBytes / sizeof(std::uint64_t)>;

/// What is not described is as in 3.12; the values of a build without a GIL, whose objects are others, are not read.
ObjectLayout DescribedObjects(const DebugOffsetsWords& words, const DebugOffsetsIndex& at) {
  constexpr std::size_t kFreeThreaded = 2;
  ObjectLayout objects = kObjects312;
  objects.frame.localsplus = words[kFreeThreaded] != 0 ? 0 : words[at.frame + 4];
  objects.code.names = words[at.code + 7];
  objects.code.kinds = words[at.code + 8];
  objects.object = {.type = words[at.object + 1]};
  objects.type.name = words[at.object + 3];
  objects.type.flags = words[at.object + 5];
  objects.tuple = {.size = words[at.object + 8], .items = words[at.object + 7]};
  objects.list = {.size = words[at.object + 11], .items = words[at.object + 10]};
  objects.dict.keys = words[at.dict + 1];
  objects.dict.values = words[at.dict + 2];
  objects.values = {.values = 8};
  objects.floating = {.value = words[at.dict + 4]};
  objects.integer = {.size = words[at.dict + 6], .digits = words[at.dict + 7], .has_tag = true};
  return objects;
}

bool Plausible(const ObjectLayout& objects) {
  return std::max({objects.frame.localsplus, objects.code.names, objects.code.kinds, objects.object.type,
                   objects.type.name, objects.type.flags, objects.tuple.size, objects.tuple.items, objects.list.size,
                   objects.list.items, objects.dict.keys, objects.dict.values, objects.floating.value,
                   objects.integer.size, objects.integer.digits}) < kMaxOffset;
}

}  // namespace

Version Version::FromHex(std::uint64_t hex) {
  return Version{static_cast<int>(hex >> 24U & 0xffU), static_cast<int>(hex >> 16U & 0xffU)};
}

std::string Version::ToString() const { return std::to_string(major) + "." + std::to_string(minor); }

const Layout* Layout::ForVersion(Version version) {
  const auto* found = std::find_if(kLayouts.begin(), kLayouts.end(),
                                   [version](const Layout* layout) { return layout->version == version; });
  return found == kLayouts.end() ? nullptr : *found;
}

bool Layout::HasDebugOffsets(std::span<const std::byte> runtime) {
  return runtime.size() >= kCookie.size() && std::memcmp(runtime.data(), kCookie.data(), kCookie.size()) == 0;
}

Result<Layout> Layout::FromDebugOffsets(std::span<const std::byte> runtime) {
  if (!HasDebugOffsets(runtime) || runtime.size() < kDebugOffsetsBytes) {
    return Error{ErrorCode::kCorrupt, "the Python runtime does not describe itself"};
  }
  DebugOffsetsWords words;
  std::memcpy(words.data(), runtime.data(), kDebugOffsetsBytes);
  Layout layout;
  layout.version = Version::FromHex(words[1]);
  const bool first_form = layout.version <= Version{3, 13};
  const DebugOffsetsIndex& at = first_form ? kDebugOffsets313 : kDebugOffsets314;
  layout.frame_form = FrameForm::kShim;
  layout.line_table_form = LineTableForm::kLocations;
  layout.runtime = {.interpreters_head = words[5]};
  layout.interpreter = {.next = words[8], .threads_head = words[9], .modules = words[at.modules]};
  layout.thread = {.next = words[at.thread + 2],
                   .thread_id = words[at.thread + 5],
                   .native_thread_id = words[at.thread + 6],
                   .frame = words[at.thread + 4],
                   .cframe_current_frame = {},
                   .cframe_previous = {},
                   .datastack_chunk = words[at.thread + 7]};
  layout.frame = {.previous = words[at.frame + 1],
                  .code = words[at.frame + 2],
                  .instruction = words[at.frame + 3],
                  .owner = words[at.frame + 5]};
  layout.code = {.filename = words[at.code + 1],
                 .name = words[at.code + 2],
                 .line_table = words[at.code + 4],
                 .first_line = words[at.code + 5],
                 .bytecode = words[at.code + 9]};
  layout.bytes = {.size = words[at.bytes + 1], .data = words[at.bytes + 2]};
  layout.text = {.length = words[at.unicode + 2],
                 .state = words[at.unicode + 1],
                 .ascii_size = words[at.unicode + 3],
                 // PyUnicodeObject is PyCompactUnicodeObject and one pointer.
                 .compact_size = words[at.unicode] - sizeof(std::uint64_t)};
  layout.objects = DescribedObjects(words, at);
  // 3.13 does not say these: Include/cpython/genobject.h, Modules/_asynciomodule.c. As little does it say heap_type.
  if (!first_form) layout.objects.heap_type = {};
  if (first_form) {
    layout.generator = {.frame = 72, .qualified_name = 32};
    layout.task = {.coroutine = 120, .name = 128};
    layout.collector.in_interpreter = words[10];
  }
  layout.gil = {.in_runtime = {},
                .in_interpreter = words[at.gil],
                .last_holder = words[at.gil + 4] - words[at.gil + 1],
                .locked = words[at.gil + 3] - words[at.gil + 1]};
  if (!Plausible(layout) || !Plausible(layout.objects)) {
    return Error{ErrorCode::kCorrupt,
                 "the offsets that Python " + layout.version.ToString() + " gives of itself cannot be true"};
  }
  return layout;
}

}  // namespace pyleak::symbolize::python
