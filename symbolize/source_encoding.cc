#include "symbolize/source_encoding.h"

#include <iconv.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstdint>
#include <optional>
#include <regex>
#include <utility>

namespace pyleak::symbolize {
namespace {

/// PEP 263: in a comment that is one of the first two lines, and stands alone there.
constexpr const char* kDeclaration = R"(^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+))";
constexpr std::size_t kMaxDeclarationBytes = 200;

/// As Python calls them, and as iconv does. What the file says is the target's, and converters of stateful encodings
/// have had faults, so that no others are ever asked for.
constexpr std::pair<std::string_view, const char*> kEncodings[] = {
    {"latin-1", "ISO-8859-1"},
    {"latin1", "ISO-8859-1"},
    {"iso-8859-1", "ISO-8859-1"},
    {"iso-latin-1", "ISO-8859-1"},
    {"iso-8859-2", "ISO-8859-2"},
    {"latin-2", "ISO-8859-2"},
    {"iso-8859-5", "ISO-8859-5"},
    {"iso-8859-7", "ISO-8859-7"},
    {"iso-8859-9", "ISO-8859-9"},
    {"iso-8859-15", "ISO-8859-15"},
    {"cp1250", "CP1250"},
    {"cp1251", "CP1251"},
    {"windows-1251", "CP1251"},
    {"cp1252", "CP1252"},
    {"windows-1252", "CP1252"},
    {"koi8-r", "KOI8-R"},
    {"shift-jis", "SHIFT_JIS"},
    {"sjis", "SHIFT_JIS"},
    {"euc-jp", "EUC-JP"},
    {"euc-kr", "EUC-KR"},
    {"gbk", "GBK"},
    {"gb2312", "EUC-CN"},
    {"big5", "BIG5"},
};

/// The declared encoding as iconv calls it.
const char* EncodingOf(std::string_view text) {
  static const std::regex declaration(kDeclaration);
  for (int line = 0; line < 2 && !text.empty(); ++line) {
    const std::string_view whole = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(whole.size() + 1, text.size()));
    std::match_results<std::string_view::const_iterator> match;
    const std::string_view part = whole.substr(0, kMaxDeclarationBytes);
    if (!std::regex_search(part.begin(), part.end(), match, declaration)) continue;
    std::string name = match[1].str();
    std::ranges::transform(name, name.begin(), [](unsigned char character) {
      return character == '_' ? '-' : static_cast<char>(std::tolower(character));
    });
    const auto* known = std::ranges::find(kEncodings, name, &std::pair<std::string_view, const char*>::first);
    return known == std::end(kEncodings) ? nullptr : known->second;
  }
  return nullptr;
}

/// Nothing if the bytes are not of that encoding.
std::optional<std::string> Convert(std::string line, const char* encoding) {
  const iconv_t converter = ::iconv_open("UTF-8", encoding);
  if (converter == std::bit_cast<iconv_t>(std::intptr_t{-1})) return std::nullopt;
  std::string converted(line.size() * 4, '\0');
  char* from = line.data();
  char* into = converted.data();
  std::size_t from_bytes = line.size();
  std::size_t into_bytes = converted.size();
  const bool done = ::iconv(converter, &from, &from_bytes, &into, &into_bytes) != static_cast<std::size_t>(-1);
  ::iconv_close(converter);
  if (!done) return std::nullopt;
  converted.resize(converted.size() - into_bytes);
  return converted;
}

}  // namespace

std::string DecodedLine(std::string_view text, std::string line) {
  const bool ascii = std::ranges::all_of(line, [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
  const char* encoding = ascii ? nullptr : EncodingOf(text);
  if (encoding == nullptr) return line;
  return Convert(line, encoding).value_or(line);
}

}  // namespace pyleak::symbolize
