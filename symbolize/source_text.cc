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
constexpr std::size_t kMaxCachedBytes = std::size_t{16} << 20;
/// What is shown of a line; a minified file may be a single one.
constexpr std::size_t kMaxLineBytes = 512;

constexpr std::string_view kBlanks = " \t\f\r";

std::string Trimmed(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  line = line.substr(0, kMaxLineBytes);
  return std::string(line.substr(0, line.find_last_not_of(kBlanks) + 1));
}

/// Counted from 1. Nothing if the text is shorter.
std::optional<std::string> LineOf(std::string_view text, int lineno) {
  for (; lineno > 1 && !text.empty(); --lineno) {
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  }
  if (text.empty()) return std::nullopt;
  return Trimmed(text.substr(0, text.find('\n')));
}

bool HasSizeOfSource(const UniqueFd& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 && status.st_size <= static_cast<off_t>(kMaxFileBytes);
}

}  // namespace

std::optional<std::string> SourceText::Line(const std::string& filename, int lineno) {
  if (filename.empty() || lineno < 1) return std::nullopt;
  return LineOf(Read(filename), lineno);
}

const std::string& SourceText::Read(const std::string& filename) {
  if (const auto known = cache_.find(filename); known != cache_.end()) return known->second;
  if (cache_.size() >= kMaxFiles || cached_bytes_ >= kMaxCachedBytes) {
    cache_.clear();
    cached_bytes_ = 0;
  }
  std::string& content = cache_[filename];
  auto file = files_.Open(filename);
  if (!file || !HasSizeOfSource(*file)) return content;
  // A file may grow while it is read, so the limit is kept here as well.
  if (auto text = ReadText(*file, kMaxFileBytes)) content = *std::move(text);
  cached_bytes_ += content.size();
  return content;
}

}  // namespace pyleak::symbolize
