// Prints sample records through the real formats, for programs that judge them: `print_records json|text|stack`.
// stack: the Python frames alone, as text.
#include <cstdio>
#include <cstring>
#include <ranges>
#include <string>
#include <string_view>

#include "cli/analyse/recording.h"
#include "cli/analyse/report_formats.h"
#include "cli/report/json.h"
#include "cli/report/text.h"
#include "tests/support/sample_events.h"

namespace pyleak::testing {
namespace {

std::string Records() {
  return cli::ToJson(SampleStart()) + cli::ToJson(SleepingBlock()) + cli::ToJson(NastyBlock()) +
         cli::ToJson(BareBlock()) + cli::ToJson(SampleStats()) + cli::ToJson(SampleWarning()) +
         cli::ToJson(SampleSnapshot()) + cli::ToJson(SampleCheck()) + cli::ToJson(SampleEnd());
}

std::string Json() {
  const std::string records = Records();
  cli::RecordingReader reader;
  for (const auto line : std::views::split(records, '\n')) reader.TakeLine(std::string_view(line.begin(), line.end()));
  return records + cli::ReportJson(reader.Finish());
}

std::string Text() {
  const cli::TextStyle style{.native = true};
  return cli::BlockText(SleepingBlock(), style) + "\n" + cli::BlockText(NastyBlock(), style) + "\n" +
         cli::BlockText(BareBlock(), style) + "\n" + cli::StatsText(SampleStats()) + "\n" +
         cli::SummaryText(SampleEnd()) + "\n" + cli::SnapshotText(SampleSnapshot(), style) + "\n" +
         cli::CheckText(SampleCheck(), style) + "\n";
}

std::string PythonStack() {
  auto stack = *SleepingBlock().blocking_stack;
  std::erase_if(stack.frames, [](const auto& frame) { return frame.language != symbolize::Language::kPython; });
  return cli::StackText(stack, {}) + "\n";
}

}  // namespace
}  // namespace pyleak::testing

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string what = argv[1];
  const std::string text = what == "json"   ? pyleak::testing::Json()
                           : what == "text" ? pyleak::testing::Text()
                                            : pyleak::testing::PythonStack();
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
}
