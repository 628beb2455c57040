#include "symbolize/source_text.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <string_view>

#include "attach/base/file.h"
#include "symbolize/source_encoding.h"

namespace pyleak::symbolize {
namespace {

/// The largest hand-written sources are under a megabyte; larger files are generated or no sources at all.
constexpr std::size_t kMaxFileBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxFiles = 64;
constexpr std::size_t kMaxCachedBytes = std::size_t{16} << 20;
/// What is shown of a line; a minified file may be a single one.
constexpr std::size_t kMaxLineBytes = 512;

/// What a file's time and a process's may differ by though both were made at the same moment: a tick of the kernel
/// each, and what the clock has been set by since.
constexpr std::chrono::seconds kClocksApart(1);

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

std::chrono::nanoseconds Nanoseconds(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::chrono::nanoseconds Now(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return Nanoseconds(now);
}

/// On CLOCK_REALTIME, to a clock tick.
std::chrono::nanoseconds StartOf(const attach::ProcessIdentity& process) {
  const auto ticks_per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  const auto after_boot = std::chrono::milliseconds(process.start_ticks() * 1000 / ticks_per_second);
  return Now(CLOCK_REALTIME) - Now(CLOCK_BOOTTIME) + after_boot;
}

}  // namespace

SourceText::SourceText(const attach::ProcessIdentity& process) : files_(process), process_start_(StartOf(process)) {}

std::optional<std::string> SourceText::Line(const std::string& filename, int lineno) {
  if (filename.empty() || lineno < 1) return std::nullopt;
  const File& file = Read(filename);
  auto line = LineOf(file.text, lineno);
  return line ? std::optional(DecodedLine(file.text, *std::move(line))) : std::nullopt;
}

bool SourceText::IsNewerThanProcess(const std::string& filename) { return !filename.empty() && Read(filename).newer; }

const SourceText::File& SourceText::Read(const std::string& filename) {
  if (const auto known = cache_.find(filename); known != cache_.end()) return known->second;
  if (cache_.size() >= kMaxFiles || cached_bytes_ >= kMaxCachedBytes) {
    cache_.clear();
    cached_bytes_ = 0;
  }
  File& content = cache_[filename];
  auto file = files_.OpenByItsRights(filename);
  struct stat status {};
  if (!file || ::fstat(file->get(), &status) != 0 || status.st_size > static_cast<off_t>(kMaxFileBytes)) return content;
  // A file may grow while it is read, so the limit is kept here as well.
  if (auto text = ReadText(*file, kMaxFileBytes)) content.text = *std::move(text);
  content.newer = Nanoseconds(status.st_mtim) > process_start_ + kClocksApart;
  cached_bytes_ += content.text.size();
  return content;
}

}  // namespace pyleak::symbolize
