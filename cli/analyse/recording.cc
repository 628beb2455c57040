#include "cli/analyse/recording.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace pyleak::cli {
namespace {

using Json = nlohmann::json;
using std::chrono::nanoseconds;
using symbolize::Frame;
using symbolize::Language;

constexpr int kKnownSchema = 1;
/// No duration or time of ours is longer, and nanoseconds of it fit in 64 bits: 200 years.
constexpr double kMostSeconds = 6.3e9;
/// A record is some tens of kilobytes. A line of this length is none, and is skipped without being kept.
constexpr std::size_t kLongestLine = std::size_t{64} << 20;

const Json& Member(const Json& object, const char* name) {
  static const Json kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

std::string Text(const Json& object, const char* name) {
  const Json& value = Member(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::optional<std::int64_t> Integer(const Json& object, const char* name) {
  const Json& value = Member(object, name);
  if (!value.is_number_integer()) return std::nullopt;
  return value.get<std::int64_t>();
}

std::optional<nanoseconds> Seconds(const Json& object, const char* name) {
  const Json& value = Member(object, name);
  if (!value.is_number()) return std::nullopt;
  const auto seconds = value.get<double>();
  if (!(seconds >= 0 && seconds < kMostSeconds)) return std::nullopt;
  return nanoseconds(std::llround(seconds * 1e9));
}

std::optional<int> SmallInteger(const Json& object, const char* name) {
  const auto value = Integer(object, name);
  if (!value || *value < 0 || *value > INT32_MAX) return std::nullopt;
  return static_cast<int>(*value);
}

Language LanguageOf(const Json& frame) {
  const std::string name = Text(frame, "language");
  for (const Language language : {Language::kPython, Language::kJavaScript, Language::kKernel}) {
    if (name == LanguageName(language)) return language;
  }
  return Language::kNative;
}

Frame ToFrame(const Json& object) {
  Frame frame;
  frame.language = LanguageOf(object);
  frame.name = Text(object, "name");
  frame.filename = Text(object, "filename");
  frame.lineno = SmallInteger(object, "lineno");
  if (Member(object, "line").is_string()) frame.line = Text(object, "line");
  frame.module = Text(object, "module");
  return frame;
}

/// Equal for frames that mean the same place in the same program.
std::string Signature(const Frame& frame) {
  std::string text;
  for (const std::string& part : {std::string(LanguageName(frame.language)), frame.name, frame.filename, frame.module,
                                  std::to_string(frame.lineno.value_or(0))}) {
    text += part;
    text += '\0';
  }
  return text;
}

ThreadName ThreadOf(const Json& record) {
  return {.pid = SmallInteger(record, "pid").value_or(0),
          .tid = SmallInteger(record, "tid").value_or(0),
          .process = Text(record, "process"),
          .thread = Text(record, "thread")};
}

std::uint64_t Count(const Json& object, const char* name) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, Integer(object, name).value_or(0)));
}

}  // namespace

/// A JSON value under a name that the header may know.
struct RecordingReader::Record {
  const Json& json;
};

void RecordingReader::TakeLine(std::string_view line) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object() || !Member(json, "type").is_string()) {
    ++recording_.unreadable_lines;
    return;
  }
  if (Integer(json, "schema_version") != kKnownSchema) {
    ++recording_.foreign_records;
    return;
  }
  const std::string type = Text(json, "type");
  if (type == "WatchStarted") {
    ++recording_.watches;
    ++recording_.watches_without_end;
  } else if (type == "EventLoopBlock") {
    TakeBlock({json});
  } else if (type == "WatchEnded") {
    if (recording_.watches_without_end > 0) --recording_.watches_without_end;
    const Json& dropped = Member(json, "dropped");
    recording_.dropped.blocks += Count(dropped, "blocks");
    recording_.dropped.loops += Count(dropped, "loops");
    recording_.dropped.records += Count(dropped, "records");
  }
}

void RecordingReader::TakeBlock(const Record& record) {
  const Json& json = record.json;
  const auto id = Integer(json, "block_id");
  const auto duration = Seconds(json, "duration");
  const auto timestamp = Seconds(json, "timestamp");
  if (!id || *id <= 0 || !duration || !timestamp) {
    ++recording_.unreadable_lines;
    return;
  }
  RecordedBlock block;
  block.watch = recording_.watches;
  block.block_id = static_cast<std::uint64_t>(*id);
  block.duration = *duration;
  block.timestamp = Timestamp(*timestamp);
  block.ongoing = Member(json, "ongoing") == true;
  block.thread = ThreadOf(json);
  block.loop_kind = Text(Member(json, "loop"), "kind");
  block.cause_kind = Text(Member(json, "cause"), "kind");
  block.cause_summary = Text(Member(json, "cause"), "summary");
  block.stack = StackNumber({Member(json, "blocking_stack")});
  const Json& samples = Member(json, "samples");
  if (samples.is_array()) {
    for (const Json& sample : samples) {
      const auto stack = StackNumber({Member(sample, "blocking_stack")});
      if (stack) block.samples.push_back({*stack, std::max(1, SmallInteger(sample, "count").value_or(1))});
    }
  }
  blocks_.insert_or_assign({block.watch, block.block_id}, std::move(block));
}

std::optional<std::size_t> RecordingReader::StackNumber(const Record& frames) {
  if (!frames.json.is_array() || frames.json.empty()) return std::nullopt;
  symbolize::Stack stack;
  stack.complete = true;
  std::string signature;
  for (const Json& object : frames.json) {
    stack.frames.push_back(ToFrame(object));
    signature += Signature(stack.frames.back());
  }
  const auto [entry, is_new] = stack_numbers_.emplace(std::move(signature), recording_.stacks.size());
  if (is_new) recording_.stacks.push_back(std::move(stack));
  return entry->second;
}

Recording RecordingReader::Finish() {
  for (auto& [key, block] : blocks_) recording_.blocks.push_back(std::move(block));
  std::ranges::stable_sort(recording_.blocks, {}, &RecordedBlock::timestamp);
  stack_numbers_.clear();
  blocks_.clear();
  return std::exchange(recording_, {});
}

Result<Recording> ReadRecording(const UniqueFd& file) {
  RecordingReader reader;
  std::string line;
  bool too_long = false;
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return ErrnoError("reading the records");
    if (size == 0) break;
    std::string_view rest(buffer.data(), static_cast<std::size_t>(size));
    for (std::size_t end = 0; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
      line += rest.substr(0, end);
      reader.TakeLine(too_long ? "too long" : line);
      line.clear();
      too_long = false;
    }
    line += rest;
    if (line.size() > kLongestLine) {
      too_long = true;
      line.clear();
    }
  }
  if (too_long) line = "too long";
  reader.TakeLine(line);  // a last line without its end was cut off, or is whole: its own text tells
  return reader.Finish();
}

}  // namespace pyleak::cli
