#include <gtest/gtest.h>

#include <vector>

#include "symbolize/unwind/arch/x86_64.h"

namespace pyleak::symbolize::arch {
namespace {

std::vector<std::byte> Code(std::initializer_list<unsigned> bytes) {
  std::vector<std::byte> code;
  for (const unsigned byte : bytes) code.push_back(static_cast<std::byte>(byte));
  return code;
}

TEST(CallAtEndOf, DirectOneSaysWhatItCalls) {
  const auto forwards = CallAtEndOf(Code({0x90, 0x90, 0xe8, 0x10, 0x02, 0x00, 0x00}));  // call .+0x210
  ASSERT_TRUE(forwards);
  EXPECT_EQ(forwards->distance, 0x210);
  const auto backwards = CallAtEndOf(Code({0xe8, 0xfb, 0xff, 0xff, 0xff}));  // call itself
  ASSERT_TRUE(backwards);
  EXPECT_EQ(backwards->distance, -5);
}

TEST(CallAtEndOf, IndirectOneDoesNot) {
  for (const auto& code : {
           Code({0xff, 0xd0}),                                // call *%rax
           Code({0x41, 0xff, 0xd4}),                          // call *%r12
           Code({0xff, 0x50, 0x18}),                          // call *24(%rax)
           Code({0xff, 0x15, 0x44, 0x33, 0x22, 0x11}),        // call *symbol@GOTPCREL(%rip)
           Code({0xff, 0x94, 0xc8, 0x00, 0x01, 0x00, 0x00}),  // call *256(%rax,%rcx,8)
           Code({0x90, 0xff, 0x54, 0x24, 0x08}),              // call *8(%rsp)
       }) {
    const auto call = CallAtEndOf(code);
    ASSERT_TRUE(call);
    EXPECT_FALSE(call->distance);
  }
}

TEST(CallAtEndOf, IsNothingElse) {
  EXPECT_FALSE(CallAtEndOf({}));
  EXPECT_FALSE(CallAtEndOf(Code({0xe8, 0x10, 0x02, 0x00})));                    // cut off
  EXPECT_FALSE(CallAtEndOf(Code({0x90, 0x90, 0x90, 0x90, 0x90, 0x0f, 0x05})));  // syscall
  EXPECT_FALSE(CallAtEndOf(Code({0xff, 0xe0})));                                // jmp *%rax
  EXPECT_FALSE(CallAtEndOf(Code({0xe9, 0x10, 0x02, 0x00, 0x00})));              // jmp .+0x210
}

}  // namespace
}  // namespace pyleak::symbolize::arch
