#include "symbolize/source_text.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace pyleak::symbolize {
namespace {

namespace fs = std::filesystem;

/// This process is its own target.
class SourceTextTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "source_text.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) {
    const fs::path path = directory_ / name;
    std::ofstream(path) << text;
    return path;
  }

  fs::path directory_;
  SourceText source_{*attach::ProcessIdentity::Open(::getpid())};
};

TEST_F(SourceTextTest, GivesTheLineWithoutIndentationAndLineEnd) {
  const std::string path = Write("a.py", "def f():\r\n\t  time.sleep(1) \n\nlast");
  EXPECT_EQ(source_.Line(path, 1), "def f():");
  EXPECT_EQ(source_.Line(path, 2), "time.sleep(1)");
  EXPECT_EQ(source_.Line(path, 3), "");
  EXPECT_EQ(source_.Line(path, 4), "last");
  EXPECT_EQ(source_.Line(path, 5), std::nullopt);
  EXPECT_EQ(source_.Line(path, 0), std::nullopt);
  EXPECT_EQ(source_.Line(path, -1), std::nullopt);
}

TEST_F(SourceTextTest, FindsRelativeNamesFromTheWorkingDirectory) {
  Write("b.py", "relative");
  const fs::path before = fs::current_path();
  fs::current_path(directory_);
  EXPECT_EQ(source_.Line("b.py", 1), "relative");
  fs::create_directory(directory_ / "below");
  fs::current_path(directory_ / "below");
  EXPECT_EQ(source_.Line("../b.py", 1), "relative");
  fs::current_path(before);
}

TEST_F(SourceTextTest, OpensRegularFilesOnly) {
  const std::string fifo = directory_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(source_.Line(fifo, 1), std::nullopt);
  EXPECT_EQ(source_.Line(directory_, 1), std::nullopt);
  EXPECT_EQ(source_.Line("/dev/zero", 1), std::nullopt);
  EXPECT_EQ(source_.Line("<string>", 1), std::nullopt);
  EXPECT_EQ(source_.Line("", 1), std::nullopt);
}

TEST_F(SourceTextTest, IsBounded) {
  const std::string minified = Write("min.js", std::string(100'000, 'x'));
  EXPECT_EQ(source_.Line(minified, 1)->size(), 512U);
  const std::string huge = Write("huge.py", "first\n");
  fs::resize_file(huge, std::uintmax_t{1} << 40);
  EXPECT_EQ(source_.Line(huge, 1), std::nullopt);
}

}  // namespace
}  // namespace pyleak::symbolize
