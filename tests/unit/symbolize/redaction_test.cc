#include "symbolize/redaction.h"

#include <gtest/gtest.h>

namespace pyleak::symbolize {
namespace {

TEST(Redaction, HidesSecretsHoweverTheyAreSpelt) {
  const Redaction redaction;
  for (const char* name :
       {"password", "DB_PASSWORD", "userPassword", "passwd", "access_token", "client-secret", "api_key", "X-Api-Key",
        "apiKey", "Authorization", "Set-Cookie", "credentials", "private_key", "sessionId"}) {
    EXPECT_TRUE(redaction.Hides(name)) << name;
  }
  for (const char* name : {"", "user", "key", "pass_", "author", "request", "self"}) {
    EXPECT_FALSE(redaction.Hides(name)) << name;
  }
}

TEST(Redaction, HidesWhatElseIsAskedFor) {
  const Redaction redaction({"Mother-Name"});
  EXPECT_TRUE(redaction.Hides("mother_name_of_user"));
  EXPECT_TRUE(redaction.Hides("password"));
  EXPECT_FALSE(redaction.Hides("mother"));
}

}  // namespace
}  // namespace pyleak::symbolize
