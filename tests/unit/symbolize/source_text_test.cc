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

TEST_F(SourceTextTest, IsInUtf8IfTheFileSaysWhatItIsIn) {
  const std::string latin = "x = '\xe4'";
  EXPECT_EQ(source_.Line(Write("1.py", "# -*- coding: latin-1 -*-\n" + latin), 2), "x = '\xc3\xa4'");
  EXPECT_EQ(source_.Line(Write("2.py", "#!/usr/bin/python\n# vim: set fileencoding=ISO_8859-15 :\n" + latin), 3),
            "x = '\xc3\xa4'");
  EXPECT_EQ(source_.Line(Write("3.py", "# coding: euc_jp\n'\xc6\xfc'"), 2), "'\xe6\x97\xa5'");
  // Not said, said too late, said of no comment, unknown, untrue: the bytes.
  EXPECT_EQ(source_.Line(Write("4.py", latin), 1), latin);
  EXPECT_EQ(source_.Line(Write("5.py", "\n\n# coding: latin-1\n" + latin), 4), latin);
  EXPECT_EQ(source_.Line(Write("6.py", "coding = 1\n" + latin), 2), latin);
  EXPECT_EQ(source_.Line(Write("7.py", "# coding: UTF-7\n" + latin), 2), latin);
  EXPECT_EQ(source_.Line(Write("8.py", "# coding: euc_jp\n" + latin), 2), latin);
}

TEST_F(SourceTextTest, KnowsWhetherAFileIsNewerThanTheProcess) {
  const std::string path = Write("a.py", "first");
  const auto hours_ago = fs::file_time_type::clock::now() - std::chrono::hours(24 * 365 * 30);
  fs::last_write_time(path, hours_ago);
  EXPECT_FALSE(source_.IsNewerThanProcess(path));
  const std::string edited = Write("b.py", "first");
  fs::last_write_time(edited, fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_TRUE(source_.IsNewerThanProcess(edited));
  EXPECT_FALSE(source_.IsNewerThanProcess(directory_ / "none.py"));
  EXPECT_FALSE(source_.IsNewerThanProcess(""));
}

TEST_F(SourceTextTest, OfWhatIsNoFileIsNothing) {
  const std::string archive = Write("app.zip", "PK");
  EXPECT_EQ(source_.Line(archive + "/package/module.py", 1), std::nullopt);
  const std::string gone = Write("gone.py", "first");
  fs::remove(gone);
  EXPECT_EQ(source_.Line(gone, 1), std::nullopt);
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
