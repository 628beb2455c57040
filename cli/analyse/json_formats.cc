#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/analyse/block_groups.h"
#include "cli/analyse/frame_label.h"
#include "cli/analyse/report_formats.h"
#include "cli/version.h"

namespace pyleak::cli {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::nanoseconds;

double Seconds(nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }
double Milliseconds(nanoseconds duration) { return std::chrono::duration<double, std::milli>(duration).count(); }
double Microseconds(nanoseconds duration) { return std::chrono::duration<double, std::micro>(duration).count(); }

std::string Line(const Json& object) { return object.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n"; }

Json TextOrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json FramesOf(const symbolize::Stack& stack) {
  Json frames = Json::array();
  for (const symbolize::Frame& frame : stack.frames) {
    frames.push_back({{"filename", TextOrNull(frame.filename)},
                      {"lineno", frame.lineno ? Json(*frame.lineno) : Json(nullptr)},
                      {"name", TextOrNull(frame.name)},
                      {"line", frame.line ? Json(*frame.line) : Json(nullptr)},
                      {"language", LanguageName(frame.language)},
                      {"module", TextOrNull(frame.module)}});
  }
  return frames;
}

Json ToObject(const RecordedBlock& block) {
  return {{"watch", block.watch},
          {"block_id", block.block_id},
          {"timestamp", Seconds(block.timestamp.time_since_epoch())},
          {"duration", Seconds(block.duration)},
          {"ongoing", block.ongoing},
          {"pid", block.thread.pid},
          {"tid", block.thread.tid},
          {"process", block.thread.process},
          {"thread", block.thread.thread},
          {"loop_kind", TextOrNull(block.loop_kind)},
          {"cause", {{"kind", TextOrNull(block.cause_kind)}, {"summary", block.cause_summary}}}};
}

Json ToObject(const BlockGroup& group, const Recording& recording) {
  return {{"count", group.blocks.size()},
          {"total_seconds", Seconds(group.total)},
          {"median_seconds", Seconds(group.median)},
          {"p99_seconds", Seconds(group.p99)},
          {"max_seconds", Seconds(group.longest().duration)},
          {"longest", ToObject(group.longest())},
          {"blocking_stack", group.stack ? FramesOf(recording.stacks[*group.stack]) : Json(nullptr)}};
}

std::string NameOf(const ThreadName& thread) {
  return thread.process + " (pid " + std::to_string(thread.pid) + ") thread " + std::to_string(thread.tid) + " " +
         thread.thread;
}

/// Numbers each distinct frame for speedscope's table of frames.
class FrameTable {
 public:
  Json Numbers(const symbolize::Stack& stack) {
    Json numbers = Json::array();
    for (const symbolize::Frame& frame : stack.frames) numbers.push_back(Number(frame));
    return numbers;
  }
  Json Take() { return std::move(frames_); }

 private:
  std::size_t Number(const symbolize::Frame& frame) {
    const auto [entry, is_new] = numbers_.emplace(FrameLabel(frame), frames_.size());
    if (is_new) {
      Json object = {{"name", frame.name.empty() ? "?" : frame.name}};
      if (!frame.filename.empty() || !frame.module.empty()) {
        object["file"] = frame.filename.empty() ? frame.module : frame.filename;
      }
      if (frame.lineno) object["line"] = *frame.lineno;
      frames_.push_back(std::move(object));
    }
    return entry->second;
  }

  std::map<std::string, std::size_t> numbers_;
  Json frames_ = Json::array();
};

}  // namespace

std::string ReportJson(const Recording& recording) {
  Json groups = Json::array();
  for (const BlockGroup& group : GroupBlocks(recording)) groups.push_back(ToObject(group, recording));
  return Line({{"type", "Report"},
               {"schema_version", 1},
               {"version", Version()},
               {"watches", recording.watches},
               {"watches_without_end", recording.watches_without_end},
               {"blocks", recording.blocks.size()},
               {"blocked_seconds", Seconds(TotalBlocked(recording))},
               {"groups", std::move(groups)},
               {"dropped",
                {{"blocks", recording.dropped.blocks},
                 {"loops", recording.dropped.loops},
                 {"records", recording.dropped.records}}},
               {"unreadable_lines", recording.unreadable_lines},
               {"foreign_records", recording.foreign_records}});
}

std::string SpeedscopeJson(const Recording& recording) {
  FrameTable frames;
  std::map<std::pair<int, int>, Json> profiles;
  for (const RecordedBlock& block : recording.blocks) {
    Json& profile = profiles[{block.thread.pid, block.thread.tid}];
    if (profile.is_null()) {
      profile = {{"type", "sampled"}, {"name", NameOf(block.thread)}, {"unit", "milliseconds"},  {"startValue", 0},
                 {"endValue", 0},     {"samples", Json::array()},     {"weights", Json::array()}};
    }
    const auto add = [&](Json sample, nanoseconds time) {
      profile["samples"].push_back(std::move(sample));
      profile["weights"].push_back(Milliseconds(time));
      profile["endValue"] = profile["endValue"].get<double>() + Milliseconds(time);
    };
    for (const StackShare& share : SharesOf(block)) add(frames.Numbers(recording.stacks[share.stack]), share.time);
    if (!block.stack) add(Json::array(), block.duration);
  }
  Json list = Json::array();
  for (auto& [thread, profile] : profiles) list.push_back(std::move(profile));
  return Line({{"$schema", "https://www.speedscope.app/file-format-schema.json"},
               {"exporter", std::string("pyleak ") + Version()},
               {"name", "event loop blocks"},
               {"shared", {{"frames", frames.Take()}}},
               {"profiles", std::move(list)}});
}

std::string ChromeTrace(const Recording& recording) {
  Json events = Json::array();
  std::map<std::pair<int, int>, bool> named;
  for (const RecordedBlock& block : recording.blocks) {
    const Json place = {{"pid", block.thread.pid}, {"tid", block.thread.tid}};
    const auto add = [&](Json event) {
      event.update(place);
      events.push_back(std::move(event));
    };
    if (!std::exchange(named[{block.thread.pid, block.thread.tid}], true)) {
      add({{"ph", "M"}, {"name", "process_name"}, {"args", {{"name", block.thread.process}}}});
      add({{"ph", "M"}, {"name", "thread_name"}, {"args", {{"name", block.thread.thread}}}});
    }
    Json stack = Json::array();
    std::string name = "no stack";
    if (block.stack) {
      const symbolize::Stack& frames = recording.stacks[*block.stack];
      for (const auto& frame : frames.frames) stack.push_back(FrameLabel(frame));
      name = FrameLabel(OwnFrame(frames));
    }
    add({{"ph", "X"},
         {"cat", "block"},
         {"name", name},
         {"ts", Microseconds(block.timestamp.time_since_epoch())},
         {"dur", Microseconds(block.duration)},
         {"args", {{"block_id", block.block_id}, {"cause", block.cause_summary}, {"stack", std::move(stack)}}}});
  }
  return Line({{"traceEvents", std::move(events)}, {"displayTimeUnit", "ms"}});
}

}  // namespace pyleak::cli
