#include "cli/report/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "attach/base/file.h"

namespace pyleak::cli {
namespace {

class OutputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    std::string name = (std::filesystem::temp_directory_path() / "pyleak-output-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string Path(const char* name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_;
};

Output OpenOrDie(const std::string& name) {
  auto output = Output::Open(name);
  if (!output) {
    ADD_FAILURE() << output.error().what;
    std::abort();
  }
  return *std::move(output);
}

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe(ends), 0);
    reading = UniqueFd(ends[0]);
    writing = UniqueFd(ends[1]);
  }
  /// An Output that owns the writing end.
  Output OpenWritingEnd() { return OpenOrDie("fd:" + std::to_string(writing.Release())); }

  UniqueFd reading;
  UniqueFd writing;
};

std::string ReadUntilEnd(int fd) {
  std::string text;
  char chunk[4096];
  for (ssize_t count = 0; (count = ::read(fd, chunk, sizeof chunk)) > 0;) {
    text.append(chunk, static_cast<std::size_t>(count));
  }
  return text;
}

TEST_F(OutputTest, DoesNotWaitForAFifoThatNobodyReads) {
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
  const auto output = Output::Open(Path("fifo"));
  ASSERT_FALSE(output);
  EXPECT_NE(output.error().what.find("nobody has it open for reading"), std::string::npos);
}

TEST_F(OutputTest, CreatesOrEmptiesAFile) {
  for (const char* const text : {"first\n", "second\n"}) {
    OpenOrDie(Path("events")).Write(text);
    EXPECT_EQ(*ReadTextFile(Path("events")), text);
  }
  const mode_t mask = ::umask(0);
  ::umask(mask);
  EXPECT_EQ(static_cast<mode_t>(std::filesystem::status(Path("events")).permissions()), 0666 & ~mask);
}

TEST_F(OutputTest, SaysWhatCannotBeOpened) {
  const auto what = [](const std::string& name) {
    const auto output = Output::Open(name);
    EXPECT_FALSE(output.ok()) << name;
    return output.ok() ? "" : output.error().what;
  };
  EXPECT_NE(what(Path("missing/events")).find("No such file or directory"), std::string::npos);
  EXPECT_NE(what("/").find("Is a directory"), std::string::npos);
  EXPECT_NE(what("fd:9999").find("descriptor 9999"), std::string::npos);
  EXPECT_NE(what("fd:x").find("\"fd:x\""), std::string::npos);
  EXPECT_NE(what("fd:").find("\"fd:\""), std::string::npos);
  Pipe pipe;
  EXPECT_NE(what("fd:" + std::to_string(pipe.reading.get())).find("reading only"), std::string::npos);
}

TEST_F(OutputTest, DescriptorsAreNotHandedOn) {
  Pipe pipe;
  const int number = pipe.writing.get();
  const Output output = pipe.OpenWritingEnd();
  EXPECT_EQ(::fcntl(number, F_GETFD), FD_CLOEXEC);
}

TEST_F(OutputTest, ARecordLargerThanThePipeArrivesWhole) {
  Pipe pipe;
  const std::string record = std::string(1 << 20, 'x') + "\n";
  std::string received;
  std::thread reader([&, fd = pipe.reading.get()] { received = ReadUntilEnd(fd); });
  {
    Output output = pipe.OpenWritingEnd();
    output.Write(record);
    EXPECT_EQ(output.dropped(), 0U);
  }
  reader.join();
  EXPECT_EQ(received, record);
}

TEST_F(OutputTest, WhatAStalledReaderMissesIsCountedAndNoLineIsTorn) {
  Pipe pipe;
  ASSERT_GT(::fcntl(pipe.writing.get(), F_SETPIPE_SZ, 4096), 0);
  ASSERT_EQ(::fcntl(pipe.writing.get(), F_SETFL, O_NONBLOCK), 0);
  const std::string long_record = std::string(6000, 'a') + "\n";
  std::string received;
  {
    Output output = pipe.OpenWritingEnd();
    output.Write(long_record);  // its beginning fills the pipe
    output.Write("dropped\n");
    EXPECT_EQ(output.dropped(), 1U);
    ASSERT_TRUE(output.TakeFailure().has_value());
    EXPECT_FALSE(output.TakeFailure().has_value());
    std::thread reader([&, fd = pipe.reading.get()] { received = ReadUntilEnd(fd); });
    // The reader is there again: it has to get the rest of the first record and then this one.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (std::uint64_t before = 1; std::chrono::steady_clock::now() < deadline; before = output.dropped()) {
      output.Write("last\n");
      if (output.dropped() == before) break;
    }
    { const Output closed = std::move(output); }
    reader.join();
  }
  EXPECT_EQ(received, long_record + "last\n");
}

TEST_F(OutputTest, KnowsThatTheReaderHasGone) {
  Pipe pipe;
  Output output = pipe.OpenWritingEnd();
  EXPECT_FALSE(output.ReaderHasGone());
  pipe.reading.Reset();
  EXPECT_TRUE(output.ReaderHasGone());
  output.Write("nobody\n");
  EXPECT_TRUE(output.ReaderHasGone());
  EXPECT_FALSE(output.TakeFailure().has_value());
}

TEST_F(OutputTest, KnowsThatASocketsPeerHasGone) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  UniqueFd peer(ends[0]);
  Output output = OpenOrDie("fd:" + std::to_string(ends[1]));
  EXPECT_FALSE(output.ReaderHasGone());
  peer.Reset();
  EXPECT_TRUE(output.ReaderHasGone());
}

TEST_F(OutputTest, AFullDeviceIsToldOnceAndCounted) {
  Output output = OpenOrDie("/dev/full");
  output.Write("one\n");
  output.Write("two\n");
  EXPECT_EQ(output.dropped(), 2U);
  const auto failure = output.TakeFailure();
  ASSERT_TRUE(failure.has_value());
  EXPECT_NE(failure->what.find("/dev/full: No space left on device"), std::string::npos);
  EXPECT_FALSE(output.TakeFailure().has_value());
  EXPECT_FALSE(output.ReaderHasGone());
}

TEST_F(OutputTest, WhatDoesNotFitIntoAFileIsTakenBack) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{10, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  Output output = OpenOrDie(Path("events"));
  output.Write("12345\n");
  output.Write("too long\n");
  EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  output.Write("again\n");
  EXPECT_EQ(*ReadTextFile(Path("events")), "12345\nagain\n");
  EXPECT_EQ(output.dropped(), 1U);
}

}  // namespace
}  // namespace pyleak::cli
