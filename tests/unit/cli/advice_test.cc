#include "cli/advice.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace pyleak::cli {
namespace {

bool Contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Advice, SaysWhyTracingIsNotPermitted) {
  const auto advice = [](const TargetFacts& facts) { return Advice(ErrorCode::kNotPermitted, facts); };
  EXPECT_TRUE(Contains(advice({.pid = 7, .uid = 0, .own_uid = 1000}), "uid 1000"));
  EXPECT_TRUE(Contains(advice({.uid = 1000, .own_uid = 1000, .yama_scope = 1}), "ptrace_scope is 1"));
  EXPECT_TRUE(Contains(advice({.uid = 1000, .own_uid = 1000, .yama_scope = 3}), "pyleak run"));
  EXPECT_TRUE(Contains(advice({.uid = 0, .own_uid = 0, .may_trace_all = true, .yama_scope = 1}), "seccomp"));
  EXPECT_TRUE(Contains(advice({.uid = 1000, .own_uid = 1000, .yama_scope = 0}), "set-user-id"));
}

TEST(Advice, NamesTheTracer) {
  const auto advice = Advice(ErrorCode::kAlreadyTraced, {.tracer_pid = 99, .tracer_name = "gdb"});
  EXPECT_TRUE(Contains(advice, "gdb (pid 99)"));
}

TEST(ReadTargetFacts, KnowsThisProcess) {
  const auto facts = ReadTargetFacts(::getpid());
  EXPECT_EQ(facts.uid, ::getuid());
  EXPECT_EQ(facts.own_uid, ::getuid());
}

TEST(ReadTargetFacts, OfAProcessThatHasGoneHasNoOwner) {
  // Above PID_MAX_LIMIT (include/linux/threads.h).
  EXPECT_FALSE(ReadTargetFacts(4194305).uid.has_value());
}

}  // namespace
}  // namespace pyleak::cli
