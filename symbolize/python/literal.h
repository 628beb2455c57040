#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pyleak::symbolize::python {

// Values as repr() writes them.

/// Of one digit of an int, as CPython keeps it: PyLong_SHIFT, Include/cpython/longintrepr.h.
constexpr unsigned kIntegerDigitBits = 30;

/// The lowest digit first.
std::string IntegerLiteral(std::span<const std::uint32_t> digits, bool negative);

/// The shortest that is read back as the same number.
std::string FloatLiteral(double value);

/// Of UTF-8. Characters that no font shows stay as they are, but for control characters.
std::string TextLiteral(std::string_view text);

std::string BytesLiteral(std::string_view bytes);

}  // namespace pyleak::symbolize::python
