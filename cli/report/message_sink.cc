#include "cli/report/message_sink.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <syslog.h>

#include <string_view>

namespace pyleak::cli {
namespace {

template <typename Take>
void ForEachLine(std::string_view text, Take take) {
  while (true) {
    const std::size_t end = text.find('\n');
    take(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::string TimeText(Timestamp time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time - seconds).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     milliseconds);
}

class PlainSink : public MessageSink {
 public:
  explicit PlainSink(Output& output) : output_(output) {}
  void Write(const Message& message) override { output_.Write(message.text + "\n"); }

 private:
  Output& output_;
};

class LogSink : public MessageSink {
 public:
  explicit LogSink(Output& output) : output_(output) {}

  void Write(const Message& message) override {
    const char* const level = message.level == Level::kWarning ? "WARNING" : "INFO";
    const std::string prefix = fmt::format("{} {} pid={} ", TimeText(message.time), level, message.pid);
    std::string records;
    ForEachLine(message.text, [&](std::string_view line) { records.append(prefix).append(line).append("\n"); });
    output_.Write(records);
  }

 private:
  Output& output_;
};

class SyslogSink : public MessageSink {
 public:
  SyslogSink() { ::openlog("pyleak", LOG_PID, LOG_USER); }
  SyslogSink(const SyslogSink&) = delete;
  SyslogSink& operator=(const SyslogSink&) = delete;
  ~SyslogSink() override { ::closelog(); }

  void Write(const Message& message) override {
    const int priority = message.level == Level::kWarning ? LOG_WARNING : LOG_INFO;
    ForEachLine(message.text, [&](std::string_view line) {
      ::syslog(priority, "pid=%d %.*s", message.pid, static_cast<int>(line.size()), line.data());
    });
  }
};

}  // namespace

std::unique_ptr<MessageSink> MakePlainSink(Output& output) { return std::make_unique<PlainSink>(output); }
std::unique_ptr<MessageSink> MakeLogSink(Output& output) { return std::make_unique<LogSink>(output); }
std::unique_ptr<MessageSink> MakeSyslogSink() { return std::make_unique<SyslogSink>(); }

}  // namespace pyleak::cli
