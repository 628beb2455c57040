#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "attach/base/result.h"
#include "symbolize/python/object_layout.h"

namespace pyleak::symbolize::python {

struct Version {
  int major = 0;
  int minor = 0;

  /// From PY_VERSION_HEX: major in bits 24 to 31, minor in bits 16 to 23 (Include/patchlevel.h).
  static Version FromHex(std::uint64_t hex);
  [[nodiscard]] std::string ToString() const;
  constexpr auto operator<=>(const Version&) const = default;
};

/// How a thread's chain of frames is made.
enum class FrameForm {
  kObject,     ///< 3.8 to 3.10: PyFrameObject; one call of the evaluation loop each.
  kEntryFlag,  ///< 3.11: _PyInterpreterFrame; `is_entry` marks the first one of each call of the evaluation loop.
  kShim,       ///< 3.12 on: each call of the evaluation loop puts a frame of its own, without code, below its first.
};

enum class LineTableForm {
  kLnotab,      ///< co_lnotab of 3.8 and 3.9: Objects/lnotab_notes.txt.
  kLineDeltas,  ///< co_linetable of 3.10: Objects/lnotab_notes.txt.
  kLocations,   ///< co_linetable of 3.11 on, with columns: Objects/locations.md (InternalDocs/code_objects.md).
};

/// Where the fields that pyleak reads lie in the structures of one CPython version on a 64-bit machine: offsets in
/// bytes. For 3.8 to 3.12 a table of ours, which the tests compare with the headers; from 3.13 on the interpreter
/// carries its own.
struct Layout {
  Version version;
  FrameForm frame_form = FrameForm::kObject;
  LineTableForm line_table_form = LineTableForm::kLnotab;

  struct {  ///< _PyRuntimeState
    std::uint64_t interpreters_head = 0;
  } runtime;
  struct {  ///< PyInterpreterState
    std::uint64_t next = 0;
    std::uint64_t threads_head = 0;
    std::uint64_t modules = 0;  ///< Pointer to the dict that is sys.modules.
  } interpreter;
  struct {  ///< PyThreadState
    std::uint64_t next = 0;
    std::uint64_t thread_id = 0;                    ///< pthread_t: the thread pointer, on glibc and musl.
    std::optional<std::uint64_t> native_thread_id;  ///< As gettid(2) says in the target's own pid namespace.
    /// Pointer to the innermost frame; or to the _PyCFrame that has it, where `cframe_current_frame` is set.
    std::uint64_t frame = 0;
    std::optional<std::uint64_t> cframe_current_frame;
    /// In a _PyCFrame, which each call of the evaluation loop has on its stack: pointer to that of the next outer call.
    std::optional<std::uint64_t> cframe_previous;
    std::optional<std::uint64_t> datastack_chunk;
  } thread;
  struct {  ///< PyFrameObject or _PyInterpreterFrame
    std::uint64_t previous = 0;
    std::uint64_t code = 0;
    std::uint64_t instruction = 0;  ///< kObject: int f_lasti. Else a pointer into the bytecode.
    std::uint64_t owner = 0;        ///< kEntryFlag: bool is_entry. kShim: owner. kObject: not used.
  } frame;
  struct {  ///< PyCodeObject
    std::uint64_t filename = 0;
    std::uint64_t name = 0;  ///< co_name, which is what tracebacks show.
    std::uint64_t line_table = 0;
    std::uint64_t first_line = 0;
    std::uint64_t bytecode = 0;  ///< co_code_adaptive; not used with kObject.
  } code;
  struct {  ///< PyBytesObject
    std::uint64_t size = 0;
    std::uint64_t data = 0;
  } bytes;
  struct {  ///< PyASCIIObject and its extensions
    std::uint64_t length = 0;
    std::uint64_t state = 0;
    std::uint64_t ascii_size = 0;    ///< sizeof(PyASCIIObject): the characters of an ASCII string follow.
    std::uint64_t compact_size = 0;  ///< sizeof(PyCompactUnicodeObject): those of any other follow.
  } text;
  ObjectLayout objects;
  struct {                    ///< PyGenObject, and PyCoroObject, which begins as it does
    std::uint64_t frame = 0;  ///< kObject: pointer to its frame. Else the frame itself.
    std::uint64_t qualified_name = 0;
  } generator;
  struct {  ///< TaskObj of Modules/_asynciomodule.c, which is in no header; not known of a Python that is too new
    std::optional<std::uint64_t> coroutine;
    std::uint64_t name = 0;  ///< A string; or, from 3.12 on, the int N of a task that is called Task-N.
  } task;
  struct {                                    ///< _gil_runtime_state
    std::optional<std::uint64_t> in_runtime;  ///< Up to 3.11: where in _PyRuntimeState the only one lies.
    std::uint64_t in_interpreter = 0;         ///< From 3.12 on: where in PyInterpreterState a pointer to it lies.
    std::uint64_t last_holder = 8;            ///< PyThreadState*
    std::uint64_t locked = 16;                ///< int
    /// What follows has not changed since 3.8 (Include/internal/pycore_gil.h).
    [[nodiscard]] std::uint64_t switch_number() const { return locked + 8; }
    /// Two condition variables with a mutex each, which threads sleep on; sizes of glibc.
    [[nodiscard]] std::uint64_t waits() const { return locked + 16; }
    [[nodiscard]] std::uint64_t size_bytes() const { return waits() + 2 * (48 + 40); }
  } gil;
  struct {                                        ///< _gc_runtime_state; neither: not known of a Python that is too new
    std::optional<std::uint64_t> in_runtime;      ///< 3.8: where in _PyRuntimeState the only one lies.
    std::optional<std::uint64_t> in_interpreter;  ///< 3.9 to 3.13: where in PyInterpreterState it lies.
  } collector;
  /// Within it, from 3.8 to 3.13 (Include/internal/pycore_gc.h; 3.8: pycore_pymem.h): the int `collecting`, which is
  /// all that is wanted of it but the int `count` of each of three `generations`.
  static constexpr std::uint64_t kCollecting = 200;
  static constexpr std::uint64_t kCollectorBytes = kCollecting + sizeof(int);
  static constexpr std::uint64_t CountOfGeneration(std::uint64_t generation) { return 24 + 24 * generation + 20; }

  /// Bytes of one unit of kObject's f_lasti: 3.10 counts instructions of two bytes (Objects/frameobject.c).
  [[nodiscard]] std::int64_t lasti_unit_bytes() const { return version.minor >= 10 ? 2 : 1; }

  /// 3.8 to 3.12; nullptr for any other version.
  static const Layout* ForVersion(Version version);

  /// How many bytes at the beginning of _PyRuntime FromDebugOffsets wants.
  static constexpr std::size_t kDebugOffsetsBytes = 1024;
  /// True if `runtime` begins as that of 3.13 and later does: with _Py_DebugOffsets.
  static bool HasDebugOffsets(std::span<const std::byte> runtime);
  /// kCorrupt if an offset cannot be true.
  static Result<Layout> FromDebugOffsets(std::span<const std::byte> runtime);
};

}  // namespace pyleak::symbolize::python
