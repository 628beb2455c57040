#include "tests/support/requirements.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace pyleak::testing_support {
namespace {

/// Whether one of the parts of a variable such as PATH fulfils `predicate`.
template <typename Predicate>
bool AnyPart(const char* variable, char separator, Predicate predicate) {
  const char* const list = std::getenv(variable);
  std::istringstream parts(list != nullptr ? list : "");
  for (std::string part; std::getline(parts, part, separator);) {
    if (predicate(part)) return true;
  }
  return false;
}

}  // namespace

bool Required(const std::string& name) {
  return AnyPart("PYLEAK_REQUIRE", ',', [&](const std::string& part) { return part == name; });
}

bool HasProgram(const std::string& program) {
  if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0;
  return AnyPart("PATH", ':',
                 [&](const std::string& part) { return ::access((part + "/" + program).c_str(), X_OK) == 0; });
}

}  // namespace pyleak::testing_support
