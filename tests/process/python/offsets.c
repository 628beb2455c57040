/* Prints where the fields that symbolize/python/layout.h names lie, as the headers of one CPython have it. */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <stddef.h>
#include <stdio.h>

#if PY_VERSION_HEX >= 0x030B0000
#include <internal/pycore_code.h>
#include <internal/pycore_dict.h>
#include <internal/pycore_frame.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>
#elif PY_VERSION_HEX >= 0x03090000
#include <frameobject.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>
#else
#include <frameobject.h>
#include <internal/pycore_pystate.h>
#endif

#if PY_VERSION_HEX >= 0x030A0000
#include <internal/pycore_moduleobject.h>
#endif

static void Print(const char* name, size_t offset) { printf("%s %zu\n", name, offset); }

#define FIELD(name, type, member) Print(name, offsetof(type, member))

static void PrintFrames(void) {
#if PY_VERSION_HEX >= 0x030D0000
  FIELD("thread.frame", PyThreadState, current_frame);
  FIELD("frame.code", _PyInterpreterFrame, f_executable);
  FIELD("frame.instruction", _PyInterpreterFrame, instr_ptr);
  FIELD("frame.owner", _PyInterpreterFrame, owner);
#elif PY_VERSION_HEX >= 0x030B0000
  FIELD("thread.frame", PyThreadState, cframe);
  FIELD("thread.cframe_current_frame", _PyCFrame, current_frame);
  FIELD("thread.cframe_previous", _PyCFrame, previous);
  FIELD("frame.code", _PyInterpreterFrame, f_code);
  FIELD("frame.instruction", _PyInterpreterFrame, prev_instr);
#if PY_VERSION_HEX >= 0x030C0000
  FIELD("frame.owner", _PyInterpreterFrame, owner);
#else
  FIELD("frame.owner", _PyInterpreterFrame, is_entry);
#endif
#else
  FIELD("thread.frame", PyThreadState, frame);
  FIELD("frame.previous", PyFrameObject, f_back);
  FIELD("frame.code", PyFrameObject, f_code);
  FIELD("frame.instruction", PyFrameObject, f_lasti);
#endif
#if PY_VERSION_HEX >= 0x030B0000
  FIELD("frame.previous", _PyInterpreterFrame, previous);
  FIELD("thread.native_thread_id", PyThreadState, native_thread_id);
  FIELD("thread.datastack_chunk", PyThreadState, datastack_chunk);
#endif
}

static void PrintCode(void) {
  FIELD("code.filename", PyCodeObject, co_filename);
  FIELD("code.first_line", PyCodeObject, co_firstlineno);
  FIELD("code.name", PyCodeObject, co_name);
#if PY_VERSION_HEX >= 0x030B0000
  FIELD("code.bytecode", PyCodeObject, co_code_adaptive);
#endif
#if PY_VERSION_HEX >= 0x030A0000
  FIELD("code.line_table", PyCodeObject, co_linetable);
#else
  FIELD("code.line_table", PyCodeObject, co_lnotab);
#endif
}

static void PrintVariables(void) {
  FIELD("code.flags", PyCodeObject, co_flags);
#if PY_VERSION_HEX >= 0x030B0000
  FIELD("frame.globals", _PyInterpreterFrame, f_globals);
  FIELD("frame.locals", _PyInterpreterFrame, f_locals);
  FIELD("frame.localsplus", _PyInterpreterFrame, localsplus);
  FIELD("code.names", PyCodeObject, co_localsplusnames);
  FIELD("code.kinds", PyCodeObject, co_localspluskinds);
  FIELD("keys.size", struct _dictkeysobject, dk_log2_size);
  FIELD("keys.log2_index_bytes", struct _dictkeysobject, dk_log2_index_bytes);
  FIELD("keys.kind", struct _dictkeysobject, dk_kind);
  FIELD("keys.count", struct _dictkeysobject, dk_nentries);
  FIELD("keys.indices", struct _dictkeysobject, dk_indices);
  FIELD("values.values", struct _dictvalues, values);
#else
  FIELD("frame.globals", PyFrameObject, f_globals);
  FIELD("frame.locals", PyFrameObject, f_locals);
  FIELD("frame.localsplus", PyFrameObject, f_localsplus);
  FIELD("code.names", PyCodeObject, co_varnames);
  FIELD("code.cell_vars", PyCodeObject, co_cellvars);
  FIELD("code.free_vars", PyCodeObject, co_freevars);
#endif
}

static void PrintObjects(void) {
  FIELD("object.type", PyObject, ob_type);
  FIELD("type.name", PyTypeObject, tp_name);
  FIELD("type.basic_size", PyTypeObject, tp_basicsize);
  FIELD("type.flags", PyTypeObject, tp_flags);
  FIELD("type.base", PyTypeObject, tp_base);
  FIELD("type.dict_offset", PyTypeObject, tp_dictoffset);
  FIELD("heap_type.slots", PyHeapTypeObject, ht_slots);
  FIELD("heap_type.cached_keys", PyHeapTypeObject, ht_cached_keys);
#if PY_VERSION_HEX >= 0x030C0000
  FIELD("integer.size", PyLongObject, long_value.lv_tag);
  FIELD("integer.digits", PyLongObject, long_value.ob_digit);
#else
  FIELD("integer.size", PyVarObject, ob_size);
  FIELD("integer.digits", PyLongObject, ob_digit);
#endif
  FIELD("floating.value", PyFloatObject, ob_fval);
  FIELD("tuple.size", PyVarObject, ob_size);
  FIELD("tuple.items", PyTupleObject, ob_item);
  FIELD("list.size", PyVarObject, ob_size);
  FIELD("list.items", PyListObject, ob_item);
  FIELD("set.used", PySetObject, used);
  FIELD("set.mask", PySetObject, mask);
  FIELD("set.table", PySetObject, table);
  FIELD("dict.used", PyDictObject, ma_used);
  FIELD("dict.keys", PyDictObject, ma_keys);
  FIELD("dict.values", PyDictObject, ma_values);
  FIELD("function.qualname", PyFunctionObject, func_qualname);
#if PY_VERSION_HEX >= 0x030A0000
  FIELD("module.name", PyModuleObject, md_name);
#else
  Print("module.name", 48); /* PyModuleObject is in no header: Objects/moduleobject.c. */
#endif
  FIELD("exception.args", PyBaseExceptionObject, args);
  FIELD("cell.value", PyCellObject, ob_ref);
}

static void PrintGil(void) {
#if PY_VERSION_HEX >= 0x030C0000
  FIELD("gil.in_interpreter", PyInterpreterState, ceval.gil);
#else
  FIELD("gil.in_runtime", _PyRuntimeState, ceval.gil);
#endif
  FIELD("gil.last_holder", struct _gil_runtime_state, last_holder);
  FIELD("gil.locked", struct _gil_runtime_state, locked);
  FIELD("gil.switch_number", struct _gil_runtime_state, switch_number);
  FIELD("gil.waits", struct _gil_runtime_state, cond);
  Print("gil.size_bytes", sizeof(struct _gil_runtime_state));
}

static void PrintCollector(void) {
#if PY_VERSION_HEX >= 0x03090000
  FIELD("collector.in_interpreter", PyInterpreterState, gc);
#else
  FIELD("collector.in_runtime", _PyRuntimeState, gc);
#endif
  FIELD("collector.collecting", struct _gc_runtime_state, collecting);
  FIELD("collector.count0", struct _gc_runtime_state, generations[0].count);
  FIELD("collector.count1", struct _gc_runtime_state, generations[1].count);
  FIELD("collector.count2", struct _gc_runtime_state, generations[2].count);
}

int main(void) {
  FIELD("runtime.interpreters_head", _PyRuntimeState, interpreters.head);
  FIELD("interpreter.next", PyInterpreterState, next);
#if PY_VERSION_HEX >= 0x030C0000
  FIELD("interpreter.modules", PyInterpreterState, imports.modules);
#else
  FIELD("interpreter.modules", PyInterpreterState, modules);
#endif
#if PY_VERSION_HEX >= 0x030B0000
  FIELD("interpreter.threads_head", PyInterpreterState, threads.head);
#else
  FIELD("interpreter.threads_head", PyInterpreterState, tstate_head);
#endif
  FIELD("thread.next", PyThreadState, next);
  FIELD("thread.thread_id", PyThreadState, thread_id);
  PrintFrames();
  PrintCode();
  PrintVariables();
  PrintObjects();
  PrintGil();
  PrintCollector();
  FIELD("bytes.size", PyVarObject, ob_size);
  FIELD("bytes.data", PyBytesObject, ob_sval);
  FIELD("text.length", PyASCIIObject, length);
  FIELD("text.state", PyASCIIObject, state);
  Print("text.ascii_size", sizeof(PyASCIIObject));
  Print("text.compact_size", sizeof(PyCompactUnicodeObject));
#if PY_VERSION_HEX >= 0x030B0000
  FIELD("generator.frame", PyGenObject, gi_iframe);
#else
  FIELD("generator.frame", PyGenObject, gi_frame);
#endif
  FIELD("generator.qualified_name", PyGenObject, gi_qualname);
  return 0;
}
