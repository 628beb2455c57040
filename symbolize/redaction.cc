#include "symbolize/redaction.h"

#include <algorithm>

namespace pyleak::symbolize {
namespace {

constexpr std::string_view kSecrets[] = {"password",   "passwd", "passphrase", "pwd",           "token",  "secret",
                                         "credential", "apikey", "privatekey", "authorization", "cookie", "sessionid"};

std::string Folded(std::string_view name) {
  std::string folded;
  for (const char character : name) {
    if (character == '_' || character == '-') continue;
    const bool upper = character >= 'A' && character <= 'Z';
    folded.push_back(upper ? static_cast<char>(character - 'A' + 'a') : character);
  }
  return folded;
}

}  // namespace

Redaction::Redaction(const std::vector<std::string>& more) {
  for (const std::string_view secret : kSecrets) parts_.push_back(Folded(secret));
  for (const std::string& name : more) parts_.push_back(Folded(name));
}

bool Redaction::Hides(std::string_view name) const {
  const std::string folded = Folded(name);
  return std::ranges::any_of(parts_, [&](const std::string& part) { return folded.find(part) != std::string::npos; });
}

}  // namespace pyleak::symbolize
