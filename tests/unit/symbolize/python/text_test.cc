#include "symbolize/python/text.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/unit/symbolize/python/bytes.h"

namespace pyleak::symbolize::python {
namespace {

TEST(ToUtf8, WritesCharactersOfEveryWidth) {
  EXPECT_EQ(ToUtf8(Bytes({'a', 0x7f, 0xe9, 0xff}), 1), "a\x7f\u00e9\u00ff");
  EXPECT_EQ(ToUtf8(Bytes({'a', 0, 0xff, 0x07, 0x00, 0x08, 0xe5, 0x65, 0xff, 0xff}), 2), "a\u07ff\u0800\u65e5\uffff");
  EXPECT_EQ(ToUtf8(Bytes({0x89, 0xf3, 0x01, 0, 0xff, 0xff, 0x10, 0}), 4), "\U0001f389\U0010ffff");
}

TEST(ToUtf8, ReplacesWhatIsNoCharacter) {
  // Lone surrogates: the first, the last, and two that would be a pair in UTF-16, which Python's strings are not.
  EXPECT_EQ(ToUtf8(Bytes({0x00, 0xd8, 0xff, 0xdf}), 2), "\ufffd\ufffd");
  EXPECT_EQ(ToUtf8(Bytes({0x3c, 0xd8, 0x89, 0xdf}), 2), "\ufffd\ufffd");
  EXPECT_EQ(ToUtf8(Bytes({0x00, 0x00, 0x11, 0x00, 0xff, 0xff, 0xff, 0xff}), 4), "\ufffd\ufffd");
}

TEST(ToUtf8, LeavesOutHalfACharacter) { EXPECT_EQ(ToUtf8(Bytes({'a', 0, 'b'}), 2), "a"); }

class LocateTextTest : public testing::Test {
 protected:
  /// A string object of 3.12 whose characters lie at 0x9000 if they do not follow.
  std::vector<std::byte> Header(std::int64_t length, std::uint32_t state) const {
    std::vector<std::byte> header(TextHeaderBytes(layout_));
    const std::uint64_t data = 0x9000;
    std::memcpy(header.data() + layout_.text.length, &length, sizeof(length));
    std::memcpy(header.data() + layout_.text.state, &state, sizeof(state));
    std::memcpy(header.data() + layout_.text.compact_size, &data, sizeof(data));
    return header;
  }
  std::optional<TextLocation> Locate(std::int64_t length, std::uint32_t kind, bool compact, bool ascii) const {
    const std::uint32_t state = kind << 2U | (compact ? 32U : 0U) | (ascii ? 64U : 0U);
    return LocateText(layout_, RemoteAddress(0x1000), Header(length, state), 100);
  }

  const Layout& layout_ = *Layout::ForVersion({3, 12});
};

TEST_F(LocateTextTest, FindsTheCharacters) {
  EXPECT_EQ(Locate(3, 1, true, true)->begin, RemoteAddress(0x1000 + 40));
  EXPECT_EQ(Locate(3, 4, true, false)->begin, RemoteAddress(0x1000 + 56));
  EXPECT_EQ(Locate(3, 4, true, false)->size_bytes, 12U);
  EXPECT_EQ(Locate(3, 2, false, false)->begin, RemoteAddress(0x9000));
}

TEST_F(LocateTextTest, TellsHowManyBitsComeBeforeTheKind) {
  for (const unsigned bits : {2U, 8U, 16U}) {
    for (const std::uint32_t interned : {0U, 3U}) {
      const std::uint32_t state = interned | (2U | 8U) << bits;  // Two bytes a character, compact, not ASCII.
      const auto text = LocateText(layout_, RemoteAddress(0x1000), Header(3, state), 100);
      ASSERT_TRUE(text.has_value()) << bits;
      EXPECT_EQ(text->begin, RemoteAddress(0x1000 + 56));
      EXPECT_EQ(text->size_bytes, 6U);
    }
  }
}

TEST_F(LocateTextTest, CutsOffWhatIsTooLong) {
  EXPECT_EQ(Locate(std::numeric_limits<std::int64_t>::max(), 4, true, false)->size_bytes, 400U);
}

TEST_F(LocateTextTest, RefusesWhatIsNoString) {
  EXPECT_FALSE(Locate(-1, 1, true, true).has_value());
  EXPECT_FALSE(Locate(3, 0, true, true).has_value());
  EXPECT_FALSE(Locate(3, 3, true, false).has_value());
  EXPECT_FALSE(LocateText(layout_, RemoteAddress(0x1000), Bytes({1, 2, 3}), 100).has_value());
}

}  // namespace
}  // namespace pyleak::symbolize::python
