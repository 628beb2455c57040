#include "tests/process/native/eu_stack.h"

#include <regex>
#include <sstream>

#include "tests/support/child.h"

namespace pyleak::symbolize {

std::vector<EuFrame> EuStack(int pid, bool with_inlined_functions) {
  std::vector<std::string> command{"eu-stack", "-1", "-n", "0", "-s", "-p", std::to_string(pid)};
  if (with_inlined_functions) command.push_back("-i");
  testing_support::Child stack(command);
  std::istringstream lines(stack.ReadAll());
  const std::regex frame_line("#[0-9]+ +0x([0-9a-f]+) *(.*)");
  std::vector<EuFrame> frames;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, frame_line)) {
      frames.push_back({std::stoull(match[1], nullptr, 16), match[2], {}});
    } else if (!frames.empty() && line.starts_with("    ")) {
      frames.back().source = line.substr(4);
    }
  }
  return frames;
}

}  // namespace pyleak::symbolize
