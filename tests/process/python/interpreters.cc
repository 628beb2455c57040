#include "tests/process/python/interpreters.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/support/child.h"

namespace pyleak::tests {

std::vector<std::string> PythonNames() { return {"3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "distribution"}; }

std::string PythonTestName(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return "python_" + name;
}

std::optional<std::string> FindPython(const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (name == "distribution") {
    const std::string path = "/usr/bin/python3";
    return fs::exists(path, ignored) ? std::optional(path) : std::nullopt;
  }
  const char* root = std::getenv("PYENV_ROOT");
  const char* home = std::getenv("HOME");
  const fs::path versions =
      (root != nullptr ? fs::path(root) : fs::path(home != nullptr ? home : "/") / ".pyenv") / "versions";
  for (const auto& entry : fs::directory_iterator(versions, ignored)) {
    const fs::path program = entry.path() / "bin" / ("python" + name);
    if (fs::exists(program, ignored)) return program.string();
  }
  return std::nullopt;
}

bool HasModule(const std::string& module) {
  testing_support::Child python({"/usr/bin/python3", "-c",
                                 "import importlib.util, sys; print(importlib.util.find_spec(sys.argv[1]) is not None)",
                                 module});
  return python.ReadLine() == "True";
}

}  // namespace pyleak::tests
