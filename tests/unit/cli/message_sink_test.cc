#include "cli/report/message_sink.h"

#include <gtest/gtest.h>
#include <syslog.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace {

std::vector<std::pair<int, std::string>> system_log;

}  // namespace

/// The linker prefers this one to the C library's.
extern "C" void syslog(int priority, const char* format, ...) {
  char text[256];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  system_log.emplace_back(priority, text);
}

namespace pyleak::cli {
namespace {

using namespace std::chrono_literals;

/// What `write` makes of a message, read from a pipe.
template <typename MakeSink>
std::string Written(MakeSink make_sink, const Message& message) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe(ends), 0);
  const UniqueFd reading(ends[0]);
  {
    auto output = Output::Open("fd:" + std::to_string(ends[1]));
    EXPECT_TRUE(output.ok());
    make_sink(*output)->Write(message);
  }
  char text[4096];
  const ssize_t count = ::read(reading.get(), text, sizeof text);
  return std::string(text, count > 0 ? static_cast<std::size_t>(count) : 0);
}

// What date(1) makes of it: date -u -d @1749038596.
constexpr Timestamp kTime{1749038596007999999ns};

TEST(PlainSink, WritesTheTextAlone) {
  EXPECT_EQ(Written(MakePlainSink, {.pid = 7, .time = kTime, .text = "one\ntwo"}), "one\ntwo\n");
}

TEST(LogSink, WritesTimeLevelAndPidBeforeEachLine) {
  EXPECT_EQ(Written(MakeLogSink, {.level = Level::kWarning, .pid = 7, .time = kTime, .text = "one\ntwo"}),
            "2025-06-04T12:03:16.007Z WARNING pid=7 one\n2025-06-04T12:03:16.007Z WARNING pid=7 two\n");
  EXPECT_EQ(Written(MakeLogSink, {.pid = 8, .time = kTime, .text = ""}), "2025-06-04T12:03:16.007Z INFO pid=8 \n");
}

TEST(SyslogSink, WritesEachLineAsItIs) {
  MakeSyslogSink()->Write({.level = Level::kWarning, .pid = 7, .time = kTime, .text = "one %s\ntwo"});
  EXPECT_EQ(system_log,
            (std::vector<std::pair<int, std::string>>{{LOG_WARNING, "pid=7 one %s"}, {LOG_WARNING, "pid=7 two"}}));
}

}  // namespace
}  // namespace pyleak::cli
