#include "symbolize/python/working_set.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pyleak::symbolize::python {
namespace {

/// Counts the reads of a memory that begins at 0x1000.
class CountedMemory : public attach::MemoryReader {
 public:
  std::size_t Read(RemoteAddress from, std::span<std::byte> into) const override {
    if (from < RemoteAddress(0x1000) || from - RemoteAddress(0x1000) >= bytes.size()) return 0;
    const std::size_t offset = from - RemoteAddress(0x1000);
    const std::size_t count = std::min(into.size(), bytes.size() - offset);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), count, into.begin());
    return count;
  }
  bool ReadAll(std::span<const Request> requests) const override {
    if (requests.empty()) return true;
    ++calls;
    return MemoryReader::ReadAll(requests);
  }

  std::vector<std::byte> bytes = std::vector<std::byte>(0x100);
  mutable int calls = 0;
};

class WorkingSetTest : public testing::Test {
 protected:
  std::uint8_t Value(std::uint64_t address) {
    return set_.Value<std::uint8_t>(memory_, RemoteAddress(address)).value();
  }

  CountedMemory memory_;
  WorkingSet set_;
};

TEST_F(WorkingSetTest, ReadsWhatTheLastWalkTouchedInOneCall) {
  EXPECT_EQ(Value(0x1000), 0);
  EXPECT_EQ(Value(0x1010), 0);
  EXPECT_EQ(memory_.calls, 2);
  memory_.bytes[0] = memory_.bytes[0x10] = std::byte{7};
  set_.Refresh(memory_);
  EXPECT_EQ(memory_.calls, 3);
  EXPECT_EQ(Value(0x1000), 7);
  EXPECT_EQ(Value(0x1010), 7);
  EXPECT_EQ(memory_.calls, 3);
}

TEST_F(WorkingSetTest, ForgetsWhatAWalkDidNotTouch) {
  (void)Value(0x1000);
  (void)Value(0x1010);
  set_.Refresh(memory_);
  (void)Value(0x1000);
  set_.Refresh(memory_);
  EXPECT_TRUE(set_.View(RemoteAddress(0x1010), 1).empty());
  EXPECT_FALSE(set_.View(RemoteAddress(0x1000), 1).empty());
}

TEST_F(WorkingSetTest, ServesPartsOfACopyAndExtendsOneThatIsTooShort) {
  EXPECT_EQ(Value(0x1000), 0);
  const AddressRange range{RemoteAddress(0x1000), RemoteAddress(0x1020)};
  EXPECT_TRUE(set_.Fetch(memory_, std::span(&range, 1)));
  EXPECT_EQ(memory_.calls, 2);
  EXPECT_EQ(set_.View(RemoteAddress(0x1008), 0x18).size(), 0x18U);
  EXPECT_TRUE(set_.View(RemoteAddress(0x1008), 0x19).empty());
  EXPECT_EQ(Value(0x1008), 0);
  EXPECT_EQ(memory_.calls, 2);
}

TEST_F(WorkingSetTest, StartsAnewWhenSomethingIsUnmapped) {
  (void)Value(0x1000);
  (void)Value(0x1080);
  memory_.bytes.resize(0x40);
  set_.Refresh(memory_);
  EXPECT_TRUE(set_.View(RemoteAddress(0x1000), 1).empty());
  EXPECT_EQ(Value(0x1000), 0);
  EXPECT_FALSE(set_.Value<std::uint8_t>(memory_, RemoteAddress(0x1080)).has_value());
  EXPECT_TRUE(set_.View(RemoteAddress(0x1080), 1).empty());
}

TEST_F(WorkingSetTest, RefusesWhatIsTooMuch) {
  const AddressRange huge{RemoteAddress(0x1000), RemoteAddress(0x1000 + (std::uint64_t{1} << 40))};
  const AddressRange wrapped{RemoteAddress(0x1000), RemoteAddress(0x0fff)};
  EXPECT_FALSE(set_.Fetch(memory_, std::span(&huge, 1)));
  EXPECT_FALSE(set_.Fetch(memory_, std::span(&wrapped, 1)));
  EXPECT_EQ(memory_.calls, 0);
}

}  // namespace
}  // namespace pyleak::symbolize::python
