#include "symbolize/python/layout.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <sstream>
#include <string>

#include "symbolize/python/runtime.h"
#include "tests/process/python/interpreters.h"
#include "tests/process/python/python_target.h"

namespace pyleak::tests {
namespace {

using Offsets = std::map<std::string, std::uint64_t>;
using symbolize::python::FrameForm;
using symbolize::python::Layout;

void AddObjects(const Layout& layout, Offsets& offsets) {
  const auto& objects = layout.objects;
  offsets.insert({{"frame.globals", objects.frame.globals},
                  {"frame.locals", objects.frame.locals},
                  {"frame.localsplus", objects.frame.localsplus},
                  {"code.flags", objects.code.flags},
                  {"code.names", objects.code.names},
                  {"object.type", objects.object.type},
                  {"type.name", objects.type.name},
                  {"type.basic_size", objects.type.basic_size},
                  {"type.flags", objects.type.flags},
                  {"type.base", objects.type.base},
                  {"type.dict_offset", objects.type.dict_offset},
                  {"heap_type.slots", objects.heap_type.slots},
                  {"heap_type.cached_keys", objects.heap_type.cached_keys},
                  {"integer.size", objects.integer.size},
                  {"integer.digits", objects.integer.digits},
                  {"floating.value", objects.floating.value},
                  {"tuple.size", objects.tuple.size},
                  {"tuple.items", objects.tuple.items},
                  {"list.size", objects.list.size},
                  {"list.items", objects.list.items},
                  {"set.used", objects.set.used},
                  {"set.mask", objects.set.mask},
                  {"set.table", objects.set.table},
                  {"dict.used", objects.dict.used},
                  {"dict.keys", objects.dict.keys},
                  {"dict.values", objects.dict.values},
                  {"function.qualname", objects.function.qualname},
                  {"module.name", objects.module.name},
                  {"exception.args", objects.exception.args},
                  {"cell.value", objects.cell.value}});
  if (layout.frame_form == FrameForm::kObject) {
    offsets.insert({{"code.cell_vars", objects.code.cell_vars}, {"code.free_vars", objects.code.free_vars}});
    return;
  }
  offsets.insert({{"code.kinds", objects.code.kinds},
                  {"keys.size", objects.keys.size},
                  {"keys.log2_index_bytes", objects.keys.size + 1},
                  {"keys.kind", objects.keys.size + 2},
                  {"keys.count", objects.keys.count},
                  {"keys.indices", objects.keys.indices},
                  {"values.values", objects.values.values}});
}

/// Under the names that offsets.c gives them.
Offsets OffsetsOf(const Layout& layout) {
  Offsets offsets = {{"runtime.interpreters_head", layout.runtime.interpreters_head},
                     {"interpreter.next", layout.interpreter.next},
                     {"interpreter.threads_head", layout.interpreter.threads_head},
                     {"interpreter.modules", layout.interpreter.modules},
                     {"thread.next", layout.thread.next},
                     {"thread.thread_id", layout.thread.thread_id},
                     {"thread.frame", layout.thread.frame},
                     {"frame.previous", layout.frame.previous},
                     {"frame.code", layout.frame.code},
                     {"frame.instruction", layout.frame.instruction},
                     {"code.filename", layout.code.filename},
                     {"code.name", layout.code.name},
                     {"code.line_table", layout.code.line_table},
                     {"code.first_line", layout.code.first_line},
                     {"bytes.size", layout.bytes.size},
                     {"bytes.data", layout.bytes.data},
                     {"text.length", layout.text.length},
                     {"text.state", layout.text.state},
                     {"text.ascii_size", layout.text.ascii_size},
                     {"text.compact_size", layout.text.compact_size},
                     {"generator.frame", layout.generator.frame},
                     {"generator.qualified_name", layout.generator.qualified_name},
                     {"gil.last_holder", layout.gil.last_holder},
                     {"gil.locked", layout.gil.locked},
                     {"gil.switch_number", layout.gil.switch_number()},
                     {"gil.waits", layout.gil.waits()},
                     {"gil.size_bytes", layout.gil.size_bytes()}};
  offsets["collector.collecting"] = Layout::kCollecting;
  for (std::uint64_t generation = 0; generation < 3; ++generation) {
    offsets["collector.count" + std::to_string(generation)] = Layout::CountOfGeneration(generation);
  }
  offsets[layout.collector.in_runtime ? "collector.in_runtime" : "collector.in_interpreter"] =
      layout.collector.in_runtime.value_or(layout.collector.in_interpreter.value_or(0));
  if (!layout.gil.in_runtime) offsets["gil.in_interpreter"] = layout.gil.in_interpreter;
  if (layout.frame_form != FrameForm::kObject) {
    offsets["frame.owner"] = layout.frame.owner;
    offsets["code.bytecode"] = layout.code.bytecode;
  }
  const auto add = [&offsets](const char* name, const std::optional<std::uint64_t>& offset) {
    if (offset) offsets[name] = *offset;
  };
  add("gil.in_runtime", layout.gil.in_runtime);
  add("thread.native_thread_id", layout.thread.native_thread_id);
  add("thread.cframe_current_frame", layout.thread.cframe_current_frame);
  add("thread.cframe_previous", layout.thread.cframe_previous);
  add("thread.datastack_chunk", layout.thread.datastack_chunk);
  AddObjects(layout, offsets);
  return offsets;
}

/// Where `python`'s C headers are; empty if they are not installed.
std::string IncludeDirectory(const std::string& python) {
  testing_support::Child child({python, "-c", "import sysconfig; print(sysconfig.get_path('include'))"});
  const std::string directory = child.ReadLine();
  return std::filesystem::exists(directory + "/internal") ? directory : std::string();
}

/// As the C compiler has them from the headers.
Offsets CompileOffsets(const std::string& include) {
  const std::string program = testing::TempDir() + "pyleak_offsets_" + std::to_string(::getpid());
  testing_support::Child compiler(
      {"cc", "-w", "-I" + include, "-I" + include + "/internal", PYLEAK_OFFSETS_SOURCE, "-o", program});
  EXPECT_EQ(compiler.ReadAll(), "");
  testing_support::Child printer({program});
  std::istringstream lines(printer.ReadAll());
  std::filesystem::remove(program);
  Offsets offsets;
  std::string name;
  for (std::uint64_t offset = 0; lines >> name >> offset;) offsets[name] = offset;
  return offsets;
}

class PythonLayout : public testing::TestWithParam<std::string> {};

TEST_P(PythonLayout, IsThatOfTheHeaders) {
  PYLEAK_NEEDS_PYTHON(GetParam());
  const std::string python = *FindPython(GetParam());
  const std::string include = IncludeDirectory(python);
  if (include.empty()) GTEST_SKIP() << "there are no C headers of " << python;
  const PythonTarget target(python, "sleep");
  const auto runtime = symbolize::python::FindRuntime(target.modules(), target.memory());
  ASSERT_TRUE(runtime.ok() && runtime->has_value());
  EXPECT_EQ(OffsetsOf((*runtime)->layout), CompileOffsets(include));
}

TEST_P(PythonLayout, IsOfTheVersionThatThePythonSaysItIs) {
  PYLEAK_NEEDS_PYTHON(GetParam());
  const std::string python = *FindPython(GetParam());
  testing_support::Child child({python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"});
  EXPECT_EQ(PythonTarget(python, "sleep").FindInterpreter().version().ToString(), child.ReadLine());
}

INSTANTIATE_TEST_SUITE_P(Every, PythonLayout, testing::ValuesIn(PythonNames()), PythonTestName);

}  // namespace
}  // namespace pyleak::tests
