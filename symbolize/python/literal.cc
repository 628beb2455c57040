#include "symbolize/python/literal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace pyleak::symbolize::python {
namespace {

/// Divides in place; the remainder.
std::uint32_t DivideBy(std::vector<std::uint32_t>& digits, std::uint32_t divisor) {
  std::uint64_t rest = 0;
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
    rest = rest << kIntegerDigitBits | *digit;
    *digit = static_cast<std::uint32_t>(rest / divisor);
    rest %= divisor;
  }
  while (!digits.empty() && digits.back() == 0) digits.pop_back();
  return static_cast<std::uint32_t>(rest);
}

void AppendHex(std::string& text, unsigned char byte) {
  constexpr std::string_view kHex = "0123456789abcdef";
  text += "\\x";
  text.push_back(kHex[byte >> 4U]);
  text.push_back(kHex[byte & 15U]);
}

/// Single quotes, unless that would need escapes and double ones would not (Objects/unicodeobject.c, unicode_repr).
char QuoteFor(std::string_view text) {
  const bool double_ones = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  return double_ones ? '"' : '\'';
}

std::string Quoted(std::string_view text, bool ascii_only) {
  const char quote = QuoteFor(text);
  std::string literal(1, quote);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are two bytes in UTF-8, the first of them 0xc2.
    const bool control =
        !ascii_only && byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (control) {
      AppendHex(literal, static_cast<unsigned char>(text[++i]));
    } else if (byte == '\n' || byte == '\r' || byte == '\t') {
      literal += byte == '\n' ? "\\n" : byte == '\r' ? "\\r" : "\\t";
    } else if (byte < 0x20 || byte == 0x7f || (ascii_only && byte > 0x7f)) {
      AppendHex(literal, byte);
    } else {
      if (text[i] == quote || text[i] == '\\') literal.push_back('\\');
      literal.push_back(text[i]);
    }
  }
  literal.push_back(quote);
  return literal;
}

}  // namespace

std::string IntegerLiteral(std::span<const std::uint32_t> digits, bool negative) {
  std::vector<std::uint32_t> rest(digits.begin(), digits.end());
  std::string reversed;
  do {
    reversed.push_back(static_cast<char>('0' + DivideBy(rest, 10)));
  } while (!rest.empty());
  if (negative) reversed.push_back('-');
  std::ranges::reverse(reversed);
  return reversed;
}

std::string FloatLiteral(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 40> buffer;
  const auto text_of = [&](std::chars_format format) {
    return std::string(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr);
  };
  std::string text = text_of(std::chars_format::scientific);
  const int exponent = std::atoi(text.c_str() + text.find('e') + 1);
  // Python/pystrtod.c, format_float_short(): the limits of the form 'r'.
  if (exponent < -4 || exponent >= 16) return text;
  text = text_of(std::chars_format::fixed);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

std::string TextLiteral(std::string_view text) { return Quoted(text, false); }

std::string BytesLiteral(std::string_view bytes) { return "b" + Quoted(bytes, true); }

}  // namespace pyleak::symbolize::python
