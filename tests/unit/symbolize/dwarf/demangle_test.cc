#include "symbolize/dwarf/demangle.h"

#include <cxxabi.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <typeinfo>
#include <vector>

namespace pyleak::symbolize {
namespace {

TEST(Demangle, ReadsCxxNamesAsTheRuntimeDoes) {
  for (const char* symbol : {"_ZN4shop6Basket3PayEib", "_ZNSt6vectorIiSaIiEE9push_backERKi",
                             "_ZZN4shop5VisitIiEEivENKUlvE_clEv", "_ZN3foo3barEv.constprop.0"}) {
    int status = 0;
    char* const expected = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
    ASSERT_EQ(status, 0) << symbol;
    EXPECT_EQ(Demangle(symbol), expected);
    std::free(expected);
  }
}

// Expectations: the Rust reference and RFC 2603 (v0).
TEST(Demangle, ReadsRustNames) {
  EXPECT_EQ(Demangle("_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write");
  EXPECT_EQ(
      Demangle("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar17h930b740aa94f1d3aE"),
      "<Test + 'static as foo::Bar<Test>>::bar");
  EXPECT_EQ(Demangle("_RNvC6_123foo3bar"), "123foo::bar");
  EXPECT_EQ(Demangle("_RNvNtCs1234_7mycrate3foo3bar"), "mycrate::foo::bar");
}

TEST(Demangle, LeavesOtherNamesAsTheyAre) {
  for (const char* symbol : {"", "main", "_start", "_Z", "_R", "_ZN", "_RNv", "_Z\x01\xff"}) {
    EXPECT_EQ(Demangle(symbol), symbol);
  }
  const std::string endless = "_Z" + std::string(1'000'000, 'N');
  EXPECT_EQ(Demangle(endless), endless);
}

TEST(Demangle, GivesUpOnANameThatUnfoldsWithoutEnd) {
  // S_ is std::pair, S0_ the first pair, and each pair is made of the one before it twice: 2^30 characters and more.
  std::string bomb = "_Z1fSt4pairIiiE";
  for (const char digit : std::string("0123456789ABCDEFGHIJKLMNOPQRST")) {
    const std::string last = std::string("S") + digit + "_";
    bomb += "S_I" + last + last + "E";
  }
  EXPECT_EQ(Demangle(bomb), bomb);
}

}  // namespace
}  // namespace pyleak::symbolize
