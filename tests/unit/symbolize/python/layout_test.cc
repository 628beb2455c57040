#include "symbolize/python/layout.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace pyleak::symbolize::python {
namespace {

/// The beginning of a _PyRuntime that gives every field the offset 16, but for PyUnicodeObject's size.
std::vector<std::byte> DebugOffsets(std::uint64_t version_hex) {
  std::vector<std::uint64_t> words(Layout::kDebugOffsetsBytes / 8, 16);
  std::memcpy(words.data(), "xdebugpy", 8);
  words[1] = version_hex;
  words[66] = words[76] = 32;  // bytes_object.ob_sval of 3.13 and of 3.14
  words[67] = words[77] = 64;  // unicode_object.size of 3.13 and of 3.14
  std::vector<std::byte> bytes(Layout::kDebugOffsetsBytes);
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}

TEST(Layout, OfARuntimeThatDescribesItself) {
  const auto layout = Layout::FromDebugOffsets(DebugOffsets(0x030d00f0));
  ASSERT_TRUE(layout.ok()) << layout.error().what;
  EXPECT_EQ(layout->version, (Version{3, 13}));
  EXPECT_EQ(layout->text.compact_size, 56U);
}

TEST(Layout, IsNotThatOfAnythingElse) {
  auto bytes = DebugOffsets(0x030d00f0);
  bytes[0] = std::byte{'X'};
  EXPECT_FALSE(Layout::HasDebugOffsets(bytes));
  EXPECT_FALSE(Layout::FromDebugOffsets(bytes).ok());
  EXPECT_FALSE(Layout::HasDebugOffsets(std::span(bytes).first(3)));
  bytes = DebugOffsets(0x030d00f0);
  bytes.pop_back();
  EXPECT_FALSE(Layout::FromDebugOffsets(bytes).ok());
}

TEST(Layout, RefusesOffsetsThatCannotBeTrue) {
  // interpreters_head, threads_head, thread_id, owner, co_linetable, ob_size, unicode's state and size.
  for (const std::size_t word : {5, 9, 24, 33, 38, 65, 68, 67}) {
    auto bytes = DebugOffsets(0x030d00f0);
    std::memset(bytes.data() + word * 8, word == 67 ? 0 : 0xff, 8);
    EXPECT_FALSE(Layout::FromDebugOffsets(bytes).ok()) << word;
  }
}

TEST(Layout, IsKnownForVersionsWithoutAWordOfTheirOwn) {
  for (const int minor : {8, 9, 10, 11, 12}) EXPECT_EQ(Layout::ForVersion({3, minor})->version.minor, minor);
  EXPECT_EQ(Layout::ForVersion({3, 7}), nullptr);
  EXPECT_EQ(Layout::ForVersion({3, 13}), nullptr);
  EXPECT_EQ(Layout::ForVersion({2, 8}), nullptr);
}

}  // namespace
}  // namespace pyleak::symbolize::python
