#include "symbolize/python/line_table.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "tests/unit/symbolize/python/bytes.h"

/// That real tables are read as CPython reads them is for tests/process/python/line_table_test.cc to show. Here is what
/// no compiler makes.
namespace pyleak::symbolize::python {
namespace {

constexpr LineTableForm kForms[] = {LineTableForm::kLnotab, LineTableForm::kLineDeltas, LineTableForm::kLocations};
constexpr int kMaxInt = std::numeric_limits<int>::max();

TEST(LineTable, BeforeTheFirstInstructionIsTheFirstLine) {
  for (const LineTableForm form : kForms) {
    EXPECT_EQ(FindPosition(form, Bytes({0xff, 0xff}), 7, -2).lineno, 7);
    EXPECT_EQ(FindPosition(form, {}, -1, -2).lineno, std::nullopt);
  }
}

TEST(LineTable, PastItsEndThereIsNothing) {
  EXPECT_EQ(FindPosition(LineTableForm::kLineDeltas, Bytes({2, 1}), 7, 2), SourcePosition());
  EXPECT_EQ(FindPosition(LineTableForm::kLocations, Bytes({0xe8, 0}), 7, 2), SourcePosition());
  EXPECT_EQ(FindPosition(LineTableForm::kLocations, {}, 7, 0), SourcePosition());
}

TEST(LineTable, ALineThatCannotBeIsNone) {
  EXPECT_EQ(FindPosition(LineTableForm::kLnotab, Bytes({0, 0x7f}), kMaxInt, 0).lineno, std::nullopt);
  EXPECT_EQ(FindPosition(LineTableForm::kLineDeltas, Bytes({2, 0x81}), 3, 0).lineno, std::nullopt);
  // One line on from the last: form 11, columns 1 and 2.
  EXPECT_EQ(FindPosition(LineTableForm::kLocations, Bytes({0xd8, 1, 2}), kMaxInt, 0).lineno, std::nullopt);
}

TEST(LineTable, ATornEntryEndsIt) {
  // Form 14, long, cut off within its first number, which never ends.
  EXPECT_EQ(FindPosition(LineTableForm::kLocations, Bytes({0xf0, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f}), 1, 0)
                .colno,
            std::nullopt);
}

TEST(LineTable, RandomBytesGiveNothingOrWhatCanBe) {
  std::mt19937 random(20);
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::byte> table(random() % 64);
    for (std::byte& byte : table) byte = static_cast<std::byte>(random());
    const auto position = FindPosition(kForms[i % 3], table, static_cast<int>(random()), random() % 200);
    EXPECT_GE(position.lineno.value_or(0), 0);
    EXPECT_GE(position.end_lineno.value_or(0), 0);
    EXPECT_GE(position.colno.value_or(0), 0);
    EXPECT_GE(position.end_colno.value_or(0), 0);
  }
}

}  // namespace
}  // namespace pyleak::symbolize::python
