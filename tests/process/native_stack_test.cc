#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <regex>
#include <sstream>

#include "attach/memory/process_memory.h"
#include "symbolize/elf/module_map.h"
#include "symbolize/unwind/unwinder.h"
#include "tests/support/child.h"
#include "tests/support/stack_copy.h"

namespace pyleak::symbolize {
namespace {

using testing_support::Child;

/// A program that has said that it is ready, and what is needed to look at it.
struct Target {
  explicit Target(const std::vector<std::string>& command) : child(command) {
    // Each says so in its own words; "eady" is in all of them.
    while (true) {
      const std::string line = child.ReadLine();
      if (line.empty()) ADD_FAILURE() << command.front() << " is not ready";
      if (line.empty() || line.find("eady") != std::string::npos) break;
    }
    testing_support::WaitUntilAsleep(child.pid());
  }

  attach::StackSnapshot CopyStack() { return testing_support::CopyStack(child.pid(), memory); }

  Child child;
  attach::ProcessIdentity identity = *attach::ProcessIdentity::Open(child.pid());
  attach::ProcessMemory memory = *attach::ProcessMemory::Open(identity);
};

std::vector<std::uint64_t> ProgramCounters(const RawStack& stack) {
  std::vector<std::uint64_t> counters;
  for (const RawFrame& frame : stack.frames) counters.push_back(frame.program_counter.value());
  return counters;
}

/// The program counters that elfutils finds, with an unwinder and a reader of its own.
std::vector<std::uint64_t> EuStack(int pid) {
  Child stack({"eu-stack", "-1", "-n", "0", "-p", std::to_string(pid)});
  std::istringstream lines(stack.ReadAll());
  const std::regex frame("#[0-9]+ +0x([0-9a-f]+).*");
  std::vector<std::uint64_t> counters;
  for (std::string line; std::getline(lines, line);) {
    if (std::smatch match; std::regex_match(line, match, frame)) counters.push_back(std::stoull(match[1], nullptr, 16));
  }
  return counters;
}

class NativeStack : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(NativeStack, HasTheFramesThatElfutilsFinds) {
  Target target(GetParam());
  const auto modules = *ModuleMap::Read(target.identity, target.memory);
  Unwinder unwinder(modules);
  const RawStack stack = unwinder.Unwind(target.CopyStack());
  EXPECT_TRUE(stack.complete) << stack.incomplete;
  EXPECT_EQ(ProgramCounters(stack), EuStack(target.child.pid()));
  EXPECT_GE(stack.frames.size(), 4U);
  // Once more, by the rules that are cached now.
  EXPECT_EQ(ProgramCounters(unwinder.Unwind(target.CopyStack())), ProgramCounters(stack));
}

const std::string kPythonSleep = "import time; print('ready', flush=True); time.sleep(600)";
const std::string kNodeWait = "setTimeout(() => {}, 600000); setImmediate(() => console.log('ready'))";
const std::string kNodeBlocked =
    "console.log('ready'); (function outer() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0) })()";

using Command = std::vector<std::string>;
INSTANTIATE_TEST_SUITE_P(Programs, NativeStack,
                         testing::Values(Command{NATIVE_STACK_TARGET, "plain"}, Command{NATIVE_STACK_TARGET, "signal"},
                                         Command{"/usr/bin/python3", "-c", kPythonSleep},
                                         Command{"node", "-e", kNodeWait}, Command{"node", "-e", kNodeBlocked},
                                         Command{"redis-server", "--port", "0", "--unixsocket",
                                                 testing::TempDir() + "native_stack.sock", "--save", ""}));

TEST(NativeStackOnASignalStack, EndsWhereTheCopyEnds) {
  Target target({NATIVE_STACK_TARGET, "altstack"});
  const auto modules = *ModuleMap::Read(target.identity, target.memory);
  const RawStack stack = Unwinder(modules).Unwind(target.CopyStack());
  const auto whole = EuStack(target.child.pid());
  ASSERT_LT(stack.frames.size(), whole.size());
  ASSERT_GE(stack.frames.size(), 4U);
  EXPECT_EQ(ProgramCounters(stack), std::vector(whole.begin(), whole.begin() + std::ssize(stack.frames)));
  EXPECT_FALSE(stack.complete);
  EXPECT_EQ(stack.incomplete, "the rest of the stack was not copied");
}

TEST(NativeStackOfACutCopy, IsTheInnermostPart) {
  Target target({NATIVE_STACK_TARGET, "plain"});
  const auto modules = *ModuleMap::Read(target.identity, target.memory);
  const attach::StackSnapshot whole = target.CopyStack();
  Unwinder unwinder(modules);
  const RawStack all = unwinder.Unwind(whole);
  const std::uint64_t used = all.frames.back().stack_pointer - whole.base();
  for (std::size_t size = 0; size < used; size += 200) {
    const auto bytes = whole.bytes().first(size);
    const RawStack stack = unwinder.Unwind({whole.registers(), whole.base(), {bytes.begin(), bytes.end()}, true});
    EXPECT_FALSE(stack.complete);
    EXPECT_EQ(stack.incomplete, "the rest of the stack was not copied");
    const auto counters = ProgramCounters(all);
    EXPECT_EQ(ProgramCounters(stack), std::vector(counters.begin(), counters.begin() + std::ssize(stack.frames)));
  }
}

/// A copy with some words replaced by what misleads an unwinder most: pointers into the stack and into modules.
attach::StackSnapshot Corrupted(const attach::StackSnapshot& original, const ModuleMap& modules,
                                std::mt19937_64& random) {
  std::vector<std::byte> bytes(original.bytes().begin(), original.bytes().end());
  attach::Registers registers = original.registers();
  const auto& mappings = modules.memory_map().mappings();
  const auto nasty = [&]() -> std::uint64_t {
    const attach::Mapping& mapping = mappings[random() % mappings.size()];
    const std::array<std::uint64_t, 5> choices{random(), 0, ~std::uint64_t{0} - random() % 16,
                                               original.base().value() + random() % bytes.size(),
                                               mapping.range.begin.value() + random() % mapping.range.size_bytes()};
    return choices[random() % choices.size()];
  };
  for (std::uint64_t changes = 1 + random() % 64; changes > 0; --changes) {
    const std::uint64_t value = nasty();
    std::memcpy(&bytes[random() % (bytes.size() / 8 - 1) * 8], &value, sizeof value);
  }
  if (random() % 2 == 0) registers.by_dwarf_number[random() % attach::Registers::kCount] = nasty();
  return {registers, original.base(), std::move(bytes), false};
}

TEST(NativeStackOfACorruptedCopy, EndsInBoundedTime) {
  Target target({NATIVE_STACK_TARGET, "signal"});
  const auto modules = *ModuleMap::Read(target.identity, target.memory);
  const attach::StackSnapshot original = target.CopyStack();
  Unwinder unwinder(modules);
  std::mt19937_64 random(1);
  for (int round = 0; round < 5000; ++round) {
    const RawStack stack = unwinder.Unwind(Corrupted(original, modules, random));
    ASSERT_GE(stack.frames.size(), 1U);
    ASSERT_LE(stack.frames.size(), 8192U);
    ASSERT_EQ(stack.complete, stack.incomplete.empty());
  }
}

}  // namespace
}  // namespace pyleak::symbolize
