#include "cli/duration.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

namespace pyleak::cli {
namespace {

constexpr std::string_view kDigits = "0123456789.";

std::optional<double> NanosecondsOf(std::string_view unit) {
  if (unit.empty() || unit == "s") return 1e9;
  if (unit == "ms") return 1e6;
  if (unit == "us") return 1e3;
  if (unit == "m") return 60e9;
  return std::nullopt;
}

Error Nonsense(std::string_view text, std::string_view why) {
  return Error{ErrorCode::kInvalidArgument, std::string("\"").append(text).append("\" is ").append(why)};
}

}  // namespace

Result<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  // from_chars would also take a sign, "inf" and "nan".
  if (text.find_first_of(kDigits) != 0) {
    const bool is_negative = text.starts_with('-') && text.find_first_of(kDigits) == 1;
    return Nonsense(text, is_negative ? "a negative duration" : "not a duration");
  }
  double count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count, std::chars_format::fixed);
  if (error == std::errc::invalid_argument) return Nonsense(text, "not a duration");
  const auto unit = NanosecondsOf(std::string_view(rest, static_cast<std::size_t>(end - rest)));
  if (!unit) return Nonsense(text, "not a duration");
  if (error == std::errc::result_out_of_range) return Nonsense(text, "out of range for a duration");

  const double nanoseconds = std::round(count * *unit);
  if (nanoseconds < 1) return Nonsense(text, "no time at all");
  if (nanoseconds >= static_cast<double>(std::numeric_limits<std::int64_t>::max())) {
    return Nonsense(text, "too long a duration");
  }
  return std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds));
}

}  // namespace pyleak::cli
