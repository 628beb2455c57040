/* A C extension that calls back into Python in the ways that extensions do: native_calls.WAY(function). It keeps to the
 * stable ABI, so that one build serves every CPython from 3.8 on. */
#define Py_LIMITED_API 0x03080000
#include <Python.h>
#include <stdlib.h>

/* Two frames of our own, which a stack has to show. */
__attribute__((noinline)) static PyObject* CallFromBelow(PyObject* function) {
  PyObject* result = PyObject_CallFunctionObjArgs(function, NULL);
  __asm__ volatile("" ::: "memory"); /* No tail call. */
  return result;
}

static PyObject* Call(PyObject* module, PyObject* function) {
  (void)module;
  PyObject* result = CallFromBelow(function);
  __asm__ volatile("" ::: "memory");
  return result;
}

/* As a library does that calls back while the GIL is released. */
static PyObject* CallWithoutGil(PyObject* module, PyObject* function) {
  (void)module;
  PyObject* result = NULL;
  Py_BEGIN_ALLOW_THREADS const PyGILState_STATE state = PyGILState_Ensure();
  result = CallFromBelow(function);
  PyGILState_Release(state);
  Py_END_ALLOW_THREADS return result;
}

static PyObject* g_compare;

static int Compare(const void* left, const void* right) {
  (void)left;
  (void)right;
  Py_XDECREF(CallFromBelow(g_compare));
  return 0;
}

static PyObject* CallFromQsort(PyObject* module, PyObject* function) {
  (void)module;
  int values[2] = {2, 1};
  g_compare = function;
  qsort(values, 2, sizeof(values[0]), Compare);
  if (PyErr_Occurred()) return NULL;
  Py_RETURN_NONE;
}

/* Code that C has compiled: function() is called by it. */
static PyObject* Evaluate(PyObject* module, PyObject* function) {
  (void)module;
  PyObject* code = Py_CompileString("function()\n", "evaluated by C", Py_file_input);
  PyObject* globals = PyDict_New();
  if (code == NULL || globals == NULL) return NULL;
  PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins());
  PyDict_SetItemString(globals, "function", function);
  PyObject* result = PyEval_EvalCode(code, globals, globals);
  Py_DECREF(globals);
  Py_DECREF(code);
  return result;
}

static PyMethodDef kMethods[] = {{"call", Call, METH_O, NULL},
                                 {"call_without_gil", CallWithoutGil, METH_O, NULL},
                                 {"call_from_qsort", CallFromQsort, METH_O, NULL},
                                 {"evaluate", Evaluate, METH_O, NULL},
                                 {NULL, NULL, 0, NULL}};

static struct PyModuleDef kModule = {PyModuleDef_HEAD_INIT, "native_calls", NULL, -1, kMethods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_native_calls(void) { return PyModule_Create(&kModule); }
