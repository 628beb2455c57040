#include "cli/report/sanitise.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace pyleak::cli {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Decoded {
  char32_t code_point = 0;
  std::size_t length = 0;  ///< In bytes; 0: the text does not begin with a character of UTF-8.
};

/// The first character of a text that is not empty. RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
Decoded Decode(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const std::size_t length = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < length) return {};
  char32_t code_point = byte(0) & (0x7FU >> length);
  for (std::size_t at = 1; at < length; ++at) {
    if ((byte(at) & 0xC0U) != 0x80) return {};
    code_point = code_point << 6U | (byte(at) & 0x3FU);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  if (code_point < kLeast[length] || is_surrogate || code_point > 0x10FFFF) return {};
  return {code_point, length};
}

bool IsControl(char32_t c) { return (c < 0x20 && c != '\t') || (c >= 0x7F && c <= 0x9F); }

/// Unicode Bidi_Control, and the line and paragraph separators.
bool ReordersText(char32_t c) {
  return c == 0x61C || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

std::string Sanitise(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const Decoded next = Decode(text);
    if (next.length == 0) {
      clean += kReplacement;
    } else if (IsControl(next.code_point)) {
      fmt::format_to(std::back_inserter(clean), "\\x{:02x}", static_cast<unsigned>(next.code_point));
    } else if (ReordersText(next.code_point)) {
      fmt::format_to(std::back_inserter(clean), "\\u{:04x}", static_cast<unsigned>(next.code_point));
    } else {
      clean += text.substr(0, next.length);
    }
    text.remove_prefix(std::max<std::size_t>(next.length, 1));
  }
  return clean;
}

}  // namespace pyleak::cli
