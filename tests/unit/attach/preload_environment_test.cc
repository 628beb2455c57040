#include "attach/inject/preload_environment.h"

#include <gtest/gtest.h>

namespace pyleak::attach {
namespace {

/// The value of a variable that occurs once; otherwise how often it does.
std::string ValueOf(const std::string& name, std::vector<const char*> inherited) {
  inherited.push_back(nullptr);
  const auto environment = PreloadEnvironment(inherited.data(), "/run/pyleak-agent-a", "/run/pyleak-heartbeat-b");
  std::vector<std::string> values;
  for (const std::string& variable : environment) {
    if (variable.starts_with(name + "=")) values.push_back(variable.substr(name.size() + 1));
  }
  return values.size() == 1 ? values[0] : std::to_string(values.size()) + " times";
}

TEST(PreloadEnvironment, NamesAgentAndHeartbeat) {
  EXPECT_EQ(ValueOf("LD_PRELOAD", {}), "/run/pyleak-agent-a");
  EXPECT_EQ(ValueOf("PYLEAK_ARENA", {}), "/run/pyleak-heartbeat-b");
}

TEST(PreloadEnvironment, KeepsWhatIsNotOurs) {
  EXPECT_EQ(ValueOf("PATH", {"PATH=/bin", "A="}), "/bin");
  EXPECT_EQ(ValueOf("A", {"PATH=/bin", "A="}), "");
  EXPECT_EQ(ValueOf("LD_PRELOAD_NOT", {"LD_PRELOAD_NOT=x"}), "x");
}

TEST(PreloadEnvironment, PutsTheAgentBeforeOtherLibraries) {
  EXPECT_EQ(ValueOf("LD_PRELOAD", {"LD_PRELOAD=libjemalloc.so /opt/b.so::c.so"}),
            "/run/pyleak-agent-a:libjemalloc.so:/opt/b.so:c.so");
}

TEST(PreloadEnvironment, TakesTheAgentOfAnOuterRunOut) {
  EXPECT_EQ(ValueOf("LD_PRELOAD", {"LD_PRELOAD=/dev/shm/pyleak-agent-outer:/opt/b.so"}),
            "/run/pyleak-agent-a:/opt/b.so");
  EXPECT_EQ(ValueOf("PYLEAK_ARENA", {"PYLEAK_ARENA=/dev/shm/pyleak-heartbeat-outer"}), "/run/pyleak-heartbeat-b");
}

TEST(PreloadEnvironment, OverrulesOneOptionOfAddressSanitizerAndKeepsTheRest) {
  EXPECT_EQ(ValueOf("ASAN_OPTIONS", {"ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=1"}),
            "detect_leaks=0:verify_asan_link_order=1:verify_asan_link_order=0");
}

TEST(PreloadEnvironment, SurvivesAVariableWithoutAValue) {
  EXPECT_EQ(ValueOf("LD_PRELOAD", {"LD_PRELOAD", "", "="}), "/run/pyleak-agent-a");
}

}  // namespace
}  // namespace pyleak::attach
