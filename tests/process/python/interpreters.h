#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/requirements.h"

namespace pyleak::tests {

/// What the tests of this folder are run with: CPython "3.8", and "distribution", which is /usr/bin/python3.
std::vector<std::string> PythonNames();
/// For the instances of a parameterised test: "python3_8".
std::string PythonTestName(const testing::TestParamInfo<std::string>& info);

/// Path of the interpreter: pyenv's ($PYENV_ROOT, or ~/.pyenv) for a version.
std::optional<std::string> FindPython(const std::string& name);

/// True if the distribution's Python can import the module.
bool HasModule(const std::string& module);

}  // namespace pyleak::tests

/// Ends the test if the distribution's Python has no such module: skipped, or failed if PYLEAK_REQUIRE names it.
#define PYLEAK_NEEDS_MODULE(name)                                                           \
  if (!::pyleak::tests::HasModule(name)) {                                                  \
    ASSERT_FALSE(::pyleak::testing_support::Required(name)) << "no Python module " << name; \
    GTEST_SKIP() << "there is no Python module " << (name) << " here";                      \
  }

/// Ends the test if there is no such interpreter: skipped, or failed if PYLEAK_REQUIRE asks for it ("python3.8";
/// "python" is the distribution's).
#define PYLEAK_NEEDS_PYTHON(name)                                                                              \
  if (!::pyleak::tests::FindPython(name)) {                                                                    \
    ASSERT_FALSE(::pyleak::testing_support::Required((name) == "distribution" ? "python" : "python" + (name))) \
        << "no " << (name);                                                                                    \
    GTEST_SKIP() << "there is no Python " << (name) << " here";                                                \
  }
