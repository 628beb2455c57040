#include "attach/proc/stat.h"

#include <charconv>
#include <vector>

#include "attach/base/file.h"

namespace pyleak::attach {
namespace {

template <typename T>
bool ParseNumber(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::vector<std::string_view> SplitAtSpaces(std::string_view text) {
  std::vector<std::string_view> fields;
  while (!text.empty()) {
    const std::size_t length = text.find_first_of(" \n");
    if (length != 0) fields.push_back(text.substr(0, length));
    if (length == std::string_view::npos) break;
    text.remove_prefix(length + 1);
  }
  return fields;
}

Result<Stat> ReadStatFile(const std::string& path) {
  auto text = ReadTextFile(path);
  if (!text) return Error{ErrorCode::kNoSuchProcess, "the process has ended"};
  auto stat = ParseStat(*text);
  if (!stat) return Error{ErrorCode::kCorrupt, path + " is not as proc(5) describes it"};
  return *std::move(stat);
}

}  // namespace

std::optional<Stat> ParseStat(std::string_view text) {
  // The name stands in parentheses and may itself hold spaces and parentheses: the last one closes it.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  // Field 3 of proc(5) is fields[0] here.
  const auto fields = SplitAtSpaces(text.substr(close + 1));
  if (fields.size() < 26) return std::nullopt;
  Stat stat;
  stat.name = text.substr(open + 1, close - open - 1);
  stat.state = fields[0][0];
  if (!ParseNumber(fields[1], stat.parent_pid) || !ParseNumber(fields[6], stat.flags) ||
      !ParseNumber(fields[11], stat.user_ticks) || !ParseNumber(fields[12], stat.system_ticks) ||
      !ParseNumber(fields[19], stat.start_ticks) || !ParseNumber(fields[25], stat.stack_start)) {
    return std::nullopt;
  }
  if (fields.size() > 36) ParseNumber(fields[36], stat.processor);
  if (int status = 0; fields.size() > 49 && ParseNumber(fields[49], status)) stat.wait_status = status;
  return stat;
}

Result<Stat> ReadStat(int pid) { return ReadStatFile("/proc/" + std::to_string(pid) + "/stat"); }

Result<Stat> ReadStat(int pid, int tid) {
  return ReadStatFile("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/stat");
}

}  // namespace pyleak::attach
