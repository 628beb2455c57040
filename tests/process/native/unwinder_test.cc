#include "symbolize/unwind/unwinder.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>

#include "tests/process/native/eu_stack.h"
#include "tests/process/native/target.h"
#include "tests/support/requirements.h"

namespace pyleak::symbolize {
namespace {

std::vector<std::uint64_t> ProgramCounters(const RawStack& stack) {
  std::vector<std::uint64_t> counters;
  for (const RawFrame& frame : stack.frames) counters.push_back(frame.program_counter.value());
  return counters;
}

std::vector<std::uint64_t> ProgramCounters(const std::vector<EuFrame>& frames) {
  std::vector<std::uint64_t> counters;
  for (const EuFrame& frame : frames) counters.push_back(frame.program_counter);
  return counters;
}

struct Program {
  std::string name;  ///< As PYLEAK_REQUIRE has it.
  std::vector<std::string> command;
};
void PrintTo(const Program& program, std::ostream* out) { *out << program.name; }

class UnwinderOfPrograms : public testing::TestWithParam<Program> {};

TEST_P(UnwinderOfPrograms, HasTheFramesThatElfutilsFinds) {
  PYLEAK_NEEDS_PROGRAM("eu-stack", "eu-stack")
  PYLEAK_NEEDS_PROGRAM(GetParam().name, GetParam().command.front())
  Target target(GetParam().command);
  Unwinder unwinder(target.modules);
  const RawStack stack = unwinder.Unwind(target.CopyStack());
  EXPECT_TRUE(stack.complete) << stack.incomplete;
  EXPECT_EQ(ProgramCounters(stack), ProgramCounters(EuStack(target.child.pid(), false)));
  EXPECT_GE(stack.frames.size(), 4U);
  // Once more, by the rules that are cached now.
  EXPECT_EQ(ProgramCounters(unwinder.Unwind(target.CopyStack())), ProgramCounters(stack));
}

const std::string kPythonSleep = "import time; print('ready', flush=True); time.sleep(600)";
const std::string kNodeWait = "setTimeout(() => {}, 600000); setImmediate(() => console.log('ready'))";
const std::string kNodeBlocked =
    "console.log('ready'); (function outer() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0) })()";

INSTANTIATE_TEST_SUITE_P(Programs, UnwinderOfPrograms,
                         testing::Values(Program{"native_stack", {NATIVE_STACK_TARGET, "plain"}},
                                         Program{"native_stack", {NATIVE_STACK_TARGET, "signal"}},
                                         Program{"python", {"/usr/bin/python3", "-c", kPythonSleep}},
                                         Program{"node", {"node", "-e", kNodeWait}},
                                         Program{"node", {"node", "-e", kNodeBlocked}},
                                         Program{"redis",
                                                 {"redis-server", "--port", "0", "--unixsocket",
                                                  testing::TempDir() + "native_stack.sock", "--save", ""}}));

TEST(UnwinderOnASignalStack, EndsWhereTheCopyEnds) {
  PYLEAK_NEEDS_PROGRAM("eu-stack", "eu-stack")
  Target target({NATIVE_STACK_TARGET, "altstack"});
  const RawStack stack = Unwinder(target.modules).Unwind(target.CopyStack());
  const auto whole = ProgramCounters(EuStack(target.child.pid(), false));
  ASSERT_LT(stack.frames.size(), whole.size());
  ASSERT_GE(stack.frames.size(), 4U);
  EXPECT_EQ(ProgramCounters(stack), std::vector(whole.begin(), whole.begin() + std::ssize(stack.frames)));
  EXPECT_FALSE(stack.complete);
  EXPECT_EQ(stack.incomplete, "the rest of the stack was not copied");
}

TEST(UnwinderOfACutCopy, IsTheInnermostPart) {
  Target target({NATIVE_STACK_TARGET, "plain"});
  const attach::StackSnapshot whole = target.CopyStack();
  Unwinder unwinder(target.modules);
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

TEST(UnwinderOfACorruptedCopy, EndsInBoundedTime) {
  Target target({NATIVE_STACK_TARGET, "signal"});
  const attach::StackSnapshot original = target.CopyStack();
  Unwinder unwinder(target.modules);
  std::mt19937_64 random(1);
  for (int round = 0; round < 5000; ++round) {
    const RawStack stack = unwinder.Unwind(Corrupted(original, target.modules, random));
    ASSERT_GE(stack.frames.size(), 1U);
    ASSERT_LE(stack.frames.size(), 8192U);
    ASSERT_EQ(stack.complete, stack.incomplete.empty());
  }
}

}  // namespace
}  // namespace pyleak::symbolize
