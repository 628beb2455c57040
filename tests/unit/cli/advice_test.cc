#include "cli/advice.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace pyleak::cli {
namespace {

bool Contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Advice, SaysWhyTracingIsNotPermitted) {
  const auto advice = [](const TargetFacts& facts) { return Advice(ErrorCode::kNotPermitted, facts); };
  const TargetFacts own{.pid = 7, .uid = 1000, .gid = 1000, .own_uid = 1000, .own_gid = 1000};
  const auto with = [&](auto change) {
    TargetFacts facts = own;
    change(facts);
    return advice(facts);
  };
  EXPECT_TRUE(Contains(with([](TargetFacts& facts) { facts.uid = 0; }), "uid 0, you are uid 1000"));
  EXPECT_TRUE(Contains(with([](TargetFacts& facts) { facts.gid = 5; }), "gid 5, you with gid 1000"));
  EXPECT_TRUE(Contains(with([](TargetFacts& facts) { facts.uid.reset(); }), "cannot be seen"));
  EXPECT_TRUE(Contains(with([](TargetFacts& facts) { facts.closed_to_others = true; }), "PR_SET_DUMPABLE"));
  EXPECT_TRUE(Contains(with([](TargetFacts& facts) { facts.more_capable = true; }), "capabilities that you have not"));
  EXPECT_TRUE(Contains(advice(own), "security module"));
  EXPECT_TRUE(Contains(with([](TargetFacts& facts) { facts.may_trace_all = true; }), "audit log"));
}

TEST(Advice, KnowsWhatEachScopeOfYamaLeaves) {
  const auto advice = [](int scope, bool root) {
    return Advice(ErrorCode::kNotPermitted, {.pid = 7,
                                             .uid = 1000,
                                             .gid = 1000,
                                             .own_uid = 1000,
                                             .own_gid = 1000,
                                             .may_trace_all = root,
                                             .yama_scope = scope});
  };
  EXPECT_TRUE(Contains(advice(1, false), "ptrace_scope is 1"));
  EXPECT_TRUE(Contains(advice(1, false), "pyleak run"));
  EXPECT_TRUE(Contains(advice(2, false), "sudo sysctl kernel.yama.ptrace_scope=0"));
  EXPECT_TRUE(Contains(advice(3, true), "next boot"));
  EXPECT_FALSE(Contains(advice(3, true), "sudo"));
}

TEST(Advice, SaysWhatIsMissingBesideTheRightToTrace) {
  const TargetFacts facts{.pid = 7, .uid = 0, .own_uid = 1000, .may_trace_all = true};
  EXPECT_TRUE(Contains(Advice(ErrorCode::kNotPermitted, facts), "CAP_DAC_READ_SEARCH"));
}

TEST(CheckOfRights, KnowsWhatMayBeLookedInto) {
  using Verdict = Check::Verdict;
  const auto verdict = [](bool root, std::optional<int> yama) {
    return CheckOfRights({.may_trace_all = root, .may_read_all = root, .yama_scope = yama}).verdict;
  };
  EXPECT_EQ(verdict(true, std::nullopt), Verdict::kOk);
  EXPECT_EQ(verdict(false, std::nullopt), Verdict::kNote);
  EXPECT_EQ(verdict(true, 1), Verdict::kOk);
  EXPECT_EQ(verdict(false, 1), Verdict::kNote);
  EXPECT_EQ(verdict(true, 2), Verdict::kOk);
  EXPECT_EQ(verdict(false, 2), Verdict::kProblem);
  EXPECT_EQ(verdict(true, 3), Verdict::kProblem);
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
