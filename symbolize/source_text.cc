#include "symbolize/source_text.h"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "attach/base/file.h"

namespace pyleak::symbolize {
namespace {

/// The largest hand-written sources are under a megabyte; larger files are generated or no sources at all.
constexpr std::size_t kMaxFileBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxFiles = 64;
/// What is shown of a line; a minified file may be a single one.
constexpr std::size_t kMaxLineBytes = 512;

constexpr std::string_view kBlanks = " \t\f\r";

std::string Trimmed(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  line = line.substr(0, kMaxLineBytes);
  return std::string(line.substr(0, line.find_last_not_of(kBlanks) + 1));
}

std::vector<std::string> SplitLines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    lines.push_back(Trimmed(text.substr(0, length)));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return lines;
}

bool HasSizeOfSource(const UniqueFd& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 && status.st_size <= static_cast<off_t>(kMaxFileBytes);
}

}  // namespace

std::optional<std::string> SourceText::Line(const std::string& filename, int lineno) {
  if (filename.empty() || lineno < 1) return std::nullopt;
  const Lines& lines = Read(filename);
  const auto index = static_cast<std::size_t>(lineno - 1);
  return index < lines.size() ? std::optional(lines[index]) : std::nullopt;
}

const SourceText::Lines& SourceText::Read(const std::string& filename) {
  if (const auto known = cache_.find(filename); known != cache_.end()) return known->second;
  if (cache_.size() >= kMaxFiles) cache_.clear();
  Lines& lines = cache_[filename];
  auto file = files_.Open(filename);
  if (!file || !HasSizeOfSource(*file)) return lines;
  // /proc files and the like claim to be empty, so the limit is kept here as well.
  if (auto text = ReadText(*file, kMaxFileBytes)) lines = SplitLines(*text);
  return lines;
}

}  // namespace pyleak::symbolize
