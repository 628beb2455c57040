#include "symbolize/python/line_table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/process/python/interpreters.h"
#include "tests/process/python/python_target.h"

namespace pyleak::tests {
namespace {

using nlohmann::json;
using symbolize::python::SourcePosition;

std::vector<std::byte> FromHex(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::optional<int> Number(const json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<int>());
}

symbolize::python::LineTableForm FormOf(const std::string& python) {
  const PythonTarget target(python, "sleep");
  return symbolize::python::FindRuntime(target.modules(), target.memory())->value().layout.line_table_form;
}

class PythonLineTable : public testing::TestWithParam<std::string> {};

TEST_P(PythonLineTable, IsReadAsPythonReadsIt) {
  PYLEAK_NEEDS_PYTHON(GetParam());
  const std::string python = *FindPython(GetParam());
  const auto form = FormOf(python);
  testing_support::Child printer({python, PYLEAK_LINE_TABLES_SCRIPT});
  int compared = 0;
  for (std::string line = printer.ReadLine(); !line.empty(); line = printer.ReadLine()) {
    const json code = json::parse(line);
    const auto table = FromHex(code["table"]);
    for (const json& each : code["positions"]) {
      const SourcePosition expected{.lineno = Number(each[1]),
                                    .end_lineno = Number(each[2]),
                                    .colno = Number(each[3]),
                                    .end_colno = Number(each[4])};
      const auto position = symbolize::python::FindPosition(form, table, code["first_line"], each[0]);
      ASSERT_EQ(position, expected) << "offset " << each << " of " << line;
      ++compared;
    }
  }
  EXPECT_GT(compared, 10000);
}

INSTANTIATE_TEST_SUITE_P(Every, PythonLineTable, testing::ValuesIn(PythonNames()), PythonTestName);

}  // namespace
}  // namespace pyleak::tests
