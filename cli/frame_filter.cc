#include "cli/frame_filter.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace pyleak::cli {
namespace {

using symbolize::Frame;
using symbolize::Language;

bool GlobMatches(const std::string& pattern, const std::string& text, int flags) {
  return ::fnmatch(pattern.c_str(), text.c_str(), flags) == 0;
}

/// As many of the last components of `path` as `pattern` has; the whole path where it has fewer.
std::string LastComponents(const std::string& path, const std::string& pattern) {
  auto slashes = std::count(pattern.begin(), pattern.end(), '/');
  std::size_t begin = path.size();
  while (begin > 0) {
    if (path[begin - 1] == '/' && slashes-- == 0) break;
    --begin;
  }
  return path.substr(begin);
}

bool FileMatches(const std::string& pattern, const std::string& path) {
  if (path.empty()) return false;
  const std::string& compared = pattern.starts_with('/') ? path : LastComponents(path, pattern);
  return GlobMatches(pattern, compared, FNM_PATHNAME);
}

bool NameMatches(const std::string& pattern, const std::string& name) {
  if (GlobMatches(pattern, name, 0)) return true;
  for (std::size_t at = 0; (at = name.find_first_of(".:", at)) != std::string::npos;) {
    ++at;
    if (GlobMatches(pattern, name.substr(at), 0)) return true;
  }
  return false;
}

std::optional<int> ParseLine(std::string_view text) {
  int line = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), line);
  if (error != std::errc() || end != text.data() + text.size() || line <= 0) return std::nullopt;
  return line;
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool IsOfTheSystem(const Frame& frame) {
  constexpr std::array<std::string_view, 7> kPrefixes{"libc.so.", "libc-2.",    "ld-linux", "ld-musl",
                                                      "ld-2.",    "libpthread", "libc.musl"};
  const std::string module = LastComponents(frame.module, "");
  return frame.language == Language::kKernel ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](auto prefix) { return module.starts_with(prefix); });
}

bool IsInterpreted(const Frame& frame) {
  return frame.language == Language::kPython || frame.language == Language::kJavaScript;
}

}  // namespace

Result<FrameFilter> FrameFilter::Parse(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return Error{ErrorCode::kInvalidArgument, std::string("\"").append(text).append("\": ").append(why)};
  };
  FrameFilter filter;
  const std::size_t colon = text.find(':');
  filter.file_ = text.substr(0, colon);
  if (filter.file_.empty()) return refuse("there is no file before the colon");
  if (colon == std::string_view::npos) return filter;

  // The name may hold colons of its own ("ns::f"), so the line is what stands behind the last one.
  std::string_view name = text.substr(colon + 1);
  const std::size_t last = name.rfind(':');
  if (last == std::string_view::npos && IsNumber(name)) {
    return refuse("a line number comes third, behind the name of the function or behind two colons");
  }
  if (last != std::string_view::npos && IsNumber(name.substr(last + 1))) {
    filter.line_ = ParseLine(name.substr(last + 1));
    if (!filter.line_) return refuse("no file has such a line");
    name = name.substr(0, last);
  }
  filter.name_ = name;
  return filter;
}

bool FrameFilter::Matches(const Frame& frame) const {
  return (FileMatches(file_, frame.filename) || FileMatches(file_, frame.module)) &&
         (name_.empty() || NameMatches(name_, frame.name)) && (!line_ || line_ == frame.lineno);
}

bool HasCaller(const symbolize::Stack& stack, const FrameFilter& filter) {
  return std::any_of(stack.frames.begin(), stack.frames.end(),
                     [&](const auto& frame) { return filter.Matches(frame); });
}

const Frame* InnermostUserFrame(const symbolize::Stack& stack) {
  auto found = std::find_if(stack.frames.rbegin(), stack.frames.rend(), IsInterpreted);
  if (found == stack.frames.rend()) {
    found = std::find_if_not(stack.frames.rbegin(), stack.frames.rend(), IsOfTheSystem);
  }
  return found == stack.frames.rend() ? nullptr : &*found;
}

}  // namespace pyleak::cli
