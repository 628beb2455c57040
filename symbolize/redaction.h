#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pyleak::symbolize {

/// Which variables, attributes and keys have values that nobody is to see.
class Redaction {
 public:
  /// Besides passwords, tokens and the like, names that contain any of `more`.
  explicit Redaction(const std::vector<std::string>& more = {});

  /// Case, and whether words are joined by "_", "-" or nothing, do not matter.
  [[nodiscard]] bool Hides(std::string_view name) const;

 private:
  std::vector<std::string> parts_;  ///< As Hides compares them.
};

/// What is shown instead of such a value.
inline constexpr std::string_view kRedacted = "<redacted>";

}  // namespace pyleak::symbolize
