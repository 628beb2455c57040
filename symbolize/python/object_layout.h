#pragma once

#include <cstdint>

namespace pyleak::symbolize::python {

/// Where the fields lie that the values of variables are read from: offsets in bytes, on a 64-bit machine with a GIL.
/// What did not change from 3.8 to 3.14 has its value here, what did is set by Layout. The tests compare all of it with
/// the headers: Include/cpython/*.h, frameobject.h, pycore_frame.h, pycore_dict.h and pycore_moduleobject.h.
struct ObjectLayout {
  struct {  ///< PyFrameObject or _PyInterpreterFrame
    std::uint64_t globals = 0;
    std::uint64_t locals = 0;  ///< The mapping that the body of a class or a module works in.
    /// Arguments and other local variables, cells, free variables. 0: values cannot be read.
    std::uint64_t localsplus = 0;
  } frame;
  struct {  ///< PyCodeObject
    std::uint64_t flags = 48;
    std::uint64_t names = 96;     ///< 3.11 on: co_localsplusnames. Before: co_varnames.
    std::uint64_t kinds = 104;    ///< 3.11 on: co_localspluskinds.
    std::uint64_t cell_vars = 0;  ///< Before 3.11: co_cellvars.
    std::uint64_t free_vars = 0;  ///< Before 3.11: co_freevars.
  } code;
  struct {  ///< PyObject
    std::uint64_t type = 8;
  } object;
  struct {  ///< PyTypeObject
    std::uint64_t name = 24;
    std::uint64_t basic_size = 32;
    std::uint64_t flags = 168;
    std::uint64_t base = 256;
    std::uint64_t dict_offset = 288;
  } type;
  struct {                    ///< PyHeapTypeObject
    std::uint64_t slots = 0;  ///< 0: attributes of instances cannot be read.
    std::uint64_t cached_keys = 0;
  } heap_type;
  struct {                    ///< PyLongObject
    std::uint64_t size = 16;  ///< 3.12 on: lv_tag. Before: ob_size.
    std::uint64_t digits = 24;
    bool has_tag = false;
  } integer;
  struct {  ///< PyFloatObject
    std::uint64_t value = 16;
  } floating;
  struct {  ///< PyTupleObject
    std::uint64_t size = 16;
    std::uint64_t items = 24;
  } tuple;
  struct {  ///< PyListObject
    std::uint64_t size = 16;
    std::uint64_t items = 24;  ///< Of a pointer to them.
  } list;
  struct {  ///< PySetObject
    std::uint64_t used = 24;
    std::uint64_t mask = 32;
    std::uint64_t table = 40;
  } set;
  struct {  ///< PyDictObject
    std::uint64_t used = 16;
    std::uint64_t keys = 32;
    std::uint64_t values = 40;
  } dict;
  struct {                   ///< PyDictKeysObject
    std::uint64_t size = 8;  ///< 3.11 on: dk_log2_size, dk_log2_index_bytes and dk_kind, a byte each. Before: dk_size.
    std::uint64_t count = 24;  ///< dk_nentries
    std::uint64_t indices = 32;
    bool has_kind = true;
  } keys;
  struct {  ///< PyDictValues
    std::uint64_t values = 0;
  } values;
  struct {  ///< PyFunctionObject
    std::uint64_t qualname = 40;
  } function;
  struct {  ///< PyModuleObject
    std::uint64_t name = 48;
  } module;
  struct {  ///< PyBaseExceptionObject
    std::uint64_t args = 24;
  } exception;
  struct {  ///< PyCellObject
    std::uint64_t value = 16;
  } cell;
};

}  // namespace pyleak::symbolize::python
