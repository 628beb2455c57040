#pragma once

#include <memory>
#include <string>

#include "cli/report/event.h"
#include "cli/report/output.h"

namespace pyleak::cli {

enum class Level { kInfo, kWarning };

/// Something to be told to a person: one or more lines, without the last line's end, safe for a terminal.
struct Message {
  Level level = Level::kInfo;
  int pid = 0;  ///< The process it is about.
  Timestamp time;
  std::string text;
};

/// Where messages go.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  virtual void Write(const Message& message) = 0;
};

/// The text alone. `output` must outlive the sink.
std::unique_ptr<MessageSink> MakePlainSink(Output& output);

/// Log records: each line with its time (UTC), level and pid before it. `output` must outlive the sink.
std::unique_ptr<MessageSink> MakeLogSink(Output& output);

/// The same to syslog(3), which adds the time itself.
std::unique_ptr<MessageSink> MakeSyslogSink();

}  // namespace pyleak::cli
