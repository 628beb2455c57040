#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "symbolize/dwarf/native_symbolizer.h"
#include "tests/process/native/target.h"

namespace pyleak::symbolize {
namespace {

namespace fs = std::filesystem;

/// Where a program's file and its debug information may be.
class NativeFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::path(testing::TempDir()) / "native_files.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    program_ = directory_ / "program";
    fs::copy_file(NATIVE_STACK_TARGET, program_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  static void Run(const std::vector<std::string>& command) { testing_support::Child(command).ReadAll(); }

  static std::vector<Frame> FramesOf(Target& target) {
    SourceText source(target.identity);
    NativeSymbolizer symbolizer(target.identity, target.modules, source);
    return symbolizer.Symbolize(Unwinder(target.modules).Unwind(target.CopyStack())).frames;
  }

  /// The inlined functions and the source lines can only come from debug information.
  static void ExpectDebugInformation(const std::vector<Frame>& frames) {
    const auto frame = std::ranges::find(frames, "shop::InnerInline(bool)", &Frame::name);
    ASSERT_NE(frame, frames.end());
    EXPECT_TRUE(frame->inlined);
    EXPECT_EQ(frame->line, "WaitForever();");
  }

  fs::path directory_;
  fs::path program_;
};

TEST_F(NativeFiles, AreTheOnesThatRunAlsoWhenDeletedAndReplaced) {
  Target target({program_, "plain"});
  fs::remove(program_);
  fs::copy_file("/proc/self/exe", program_);
  target.modules.Refresh();
  ExpectDebugInformation(FramesOf(target));
}

TEST_F(NativeFiles, HaveTheirDebugInformationBesideThem) {
  const fs::path debug = directory_ / ".debug" / "program.debug";
  fs::create_directory(debug.parent_path());
  Run({"objcopy", "--only-keep-debug", program_, debug});
  Run({"objcopy", "--strip-all", "--add-gnu-debuglink=" + debug.string(), program_});
  Target target({program_, "plain"});
  ExpectDebugInformation(FramesOf(target));
}

TEST_F(NativeFiles, AreNotExplainedByTheDebugInformationOfAnotherBuild) {
  const fs::path debug = directory_ / "program.debug";
  Run({"objcopy", "--only-keep-debug", fs::read_symlink("/proc/self/exe"), debug});
  Run({"objcopy", "--strip-all", "--add-gnu-debuglink=" + debug.string(), program_});
  Target target({program_, "plain"});
  const auto frames = FramesOf(target);
  EXPECT_GE(frames.size(), 30U);
  for (const Frame& frame : frames) EXPECT_FALSE(frame.filename.ends_with("native_stack.cc"));
}

}  // namespace
}  // namespace pyleak::symbolize
