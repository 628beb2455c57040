#include "symbolize/python/runtime.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace pyleak::symbolize::python {
namespace {

/// A program that embeds a CPython may hide the symbol; since 3.10 a section of its own has the variable.
std::optional<std::uint64_t> FindVariable(const ElfImage& image) {
  if (const auto symbol = image.FindSymbol("_PyRuntime")) return symbol->address;
  if (const auto section = image.FindSection(".PyRuntime")) return section->address;
  return std::nullopt;
}

/// From 3.11 on a variable has the version. Before that it is told by the newest function of the C API that there is,
/// which, unlike a file's name, cannot be wrong: Doc/data/stable_abi.dat says when each came.
std::optional<Version> FindVersion(const Module& module, const attach::MemoryReader& memory) {
  if (const auto symbol = module.image->FindSymbol("Py_Version")) {
    const auto hex = memory.ReadValue<std::uint64_t>(RemoteAddress(module.bias) + symbol->address);
    if (!hex) return std::nullopt;
    return Version::FromHex(*hex);
  }
  constexpr std::array<std::pair<std::string_view, Version>, 3> kNewest = {{
      {"Py_NewRef", {3, 10}},
      {"PyFrame_GetCode", {3, 9}},
      {"PyConfig_InitPythonConfig", {3, 8}},
  }};
  for (const auto& [name, version] : kNewest) {
    if (module.image->FindSymbol(name)) return version;
  }
  return std::nullopt;
}

Result<Layout> FindLayout(const Module& module, RemoteAddress runtime, const attach::MemoryReader& memory) {
  std::array<std::byte, Layout::kDebugOffsetsBytes> beginning{};
  const std::size_t count = memory.Read(runtime, beginning);
  if (Layout::HasDebugOffsets(std::span(beginning).first(count))) return Layout::FromDebugOffsets(beginning);
  const auto version = FindVersion(module, memory);
  const Layout* layout = version ? Layout::ForVersion(*version) : nullptr;
  if (layout != nullptr) return *layout;
  return Error{ErrorCode::kRefused, version ? "Python " + version->ToString() + " is not among those that pyleak reads"
                                            : std::string("a Python older than 3.8, or without its C API")};
}

/// glibc describes its struct pthread by variables of the form DESC(_thread_db_pthread_tid, ...), for libthread_db:
/// size in bits, number of elements, offset (nptl_db/db_info.c).
std::optional<std::uint64_t> FindTidInThread(const ModuleMap& modules, const attach::MemoryReader& memory) {
  for (const Module* module : modules.modules()) {
    if (!module->image) continue;
    const auto symbol = module->image->FindSymbol("_thread_db_pthread_tid");
    if (!symbol) continue;
    const auto field = memory.ReadValue<std::array<std::uint32_t, 3>>(RemoteAddress(module->bias) + symbol->address);
    return field && (*field)[0] == 32 ? std::optional<std::uint64_t>((*field)[2]) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<Runtime>> FindRuntime(const ModuleMap& modules, const attach::MemoryReader& memory) {
  for (const Module* module : modules.modules()) {
    if (!module->image) continue;
    const auto variable = FindVariable(*module->image);
    if (!variable) continue;
    const RemoteAddress address = RemoteAddress(module->bias) + *variable;
    auto layout = FindLayout(*module, address, memory);
    if (!layout) return std::move(layout).error().While("looking at the Python in " + module->path);
    return std::optional(Runtime{.address = address,
                                 .layout = *std::move(layout),
                                 .module_path = module->path,
                                 .tid_in_thread = FindTidInThread(modules, memory)});
  }
  return std::optional<Runtime>();
}

}  // namespace pyleak::symbolize::python
