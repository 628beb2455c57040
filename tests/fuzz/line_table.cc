/// The table of a code object that leads from instructions to lines.
#include "symbolize/python/line_table.h"

#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyleak;
  using namespace pyleak::symbolize::python;
  fuzz::Input input(data, size);
  const auto first_line = input.Number<std::int32_t>();
  const auto offset = input.Number<std::int64_t>();
  for (const LineTableForm form : {LineTableForm::kLnotab, LineTableForm::kLineDeltas, LineTableForm::kLocations}) {
    for (const std::int64_t at : {offset, std::int64_t{0}, std::int64_t{64}}) {
      const SourcePosition position = FindPosition(form, input.rest(), first_line, at);
      for (const auto& number : {position.lineno, position.end_lineno, position.colno, position.end_colno}) {
        fuzz::Check(number.value_or(0) >= 0);
      }
    }
  }
  return 0;
}
