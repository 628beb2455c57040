#include "cli/report/json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/report/stack_text.h"
#include "cli/report/text.h"
#include "cli/version.h"

namespace pyleak::cli {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::nanoseconds;
using symbolize::Frame;
using symbolize::Stack;

double Seconds(nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }
double Seconds(Timestamp timestamp) { return Seconds(timestamp.time_since_epoch()); }

Json Record(const char* type) { return {{"type", type}, {"schema_version", 1}}; }

std::string Text(const Json& value) { return value.dump(-1, ' ', true, Json::error_handler_t::replace); }
std::string Line(const Json& record) { return Text(record) + "\n"; }

/// An object of which some members are text already.
class ObjectText {
 public:
  /// `members`: at least one.
  explicit ObjectText(const Json& members) : text_(Text(members)) { text_.pop_back(); }
  void Add(const char* name, const std::string& value) { text_ += fmt::format(",\"{}\":{}", name, value); }
  [[nodiscard]] std::string whole() const { return text_ + "}"; }

 private:
  std::string text_;  ///< Without the end.
};

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json SecondsOrNull(const std::optional<nanoseconds>& duration) {
  return duration ? Json(Seconds(*duration)) : Json(nullptr);
}

Json TextOrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json ToObject(const LoopTotals& totals);
Json ToObject(const Lag::Bucket& bucket);

template <typename T>
Json ObjectsOf(const std::vector<T>& values) {
  Json objects = Json::array();
  for (const T& value : values) objects.push_back(ToObject(value));
  return objects;
}

std::string StackOrNull(const std::optional<Stack>& stack) { return stack ? StackText(*stack) : "null"; }

Json ToObject(const Loop& loop) {
  return {{"kind", loop.kind}, {"wait", TextOrNull(loop.wait)}, {"fd", OrNull(loop.fd)}, {"iteration", loop.iteration}};
}

const char* CauseName(CauseKind kind) {
  switch (kind) {
    case CauseKind::kCpu:
      return "cpu";
    case CauseKind::kSyscall:
      return "syscall";
    case CauseKind::kLock:
      return "lock";
    case CauseKind::kGil:
      return "gil";
    case CauseKind::kGc:
      return "gc";
    case CauseKind::kDisk:
      return "disk";
    case CauseKind::kNotScheduled:
      return "not_scheduled";
    case CauseKind::kStopped:
      return "stopped";
    case CauseKind::kNestedWait:
      return "nested_wait";
    case CauseKind::kUnknown:
      break;
  }
  return "unknown";
}

std::string ToText(const Holder& holder) {
  ObjectText text({{"tid", holder.tid}, {"thread", holder.name}});
  text.Add("stack", StackOrNull(holder.stack));
  text.Add("freeze_seconds", Text(Seconds(holder.freeze)));
  return text.whole();
}

std::string ToText(const Cause& cause) {
  Json object = {{"kind", CauseName(cause.kind)}, {"summary", cause.summary}};
  const auto add = [&object](const char* name, const auto& value) {
    if (value) object[name] = *value;
  };
  const auto add_seconds = [&object](const char* name, const std::optional<nanoseconds>& value) {
    if (value) object[name] = Seconds(*value);
  };
  add("syscall", cause.syscall);
  add("fd", cause.fd);
  add("target", cause.target);
  add_seconds("cpu_seconds", cause.cpu);
  add_seconds("wait_seconds", cause.wait);
  add_seconds("runqueue_seconds", cause.runqueue);
  ObjectText text(object);
  if (cause.gil_holder) text.Add("gil_holder", ToText(*cause.gil_holder));
  if (cause.lock_holder) text.Add("lock_holder", ToText(*cause.lock_holder));
  return text.whole();
}

std::string ToText(const std::vector<Sample>& samples) {
  std::string text = "[";
  for (const Sample& sample : samples) {
    ObjectText one(
        {{"count", sample.count}, {"first_at", Seconds(sample.first_at)}, {"last_at", Seconds(sample.last_at)}});
    one.Add("blocking_stack", StackText(sample.blocking_stack));
    text += (text.size() > 1 ? "," : "") + one.whole();
  }
  return text + "]";
}

Json CaptureObject(const BlockEvent& event) {
  Json freezes = Json::array();
  for (const nanoseconds freeze : event.capture.freezes) freezes.push_back(Seconds(freeze));
  return {{"freeze_seconds", std::move(freezes)},
          {"after_seconds", event.capture.after ? Json(Seconds(*event.capture.after)) : Json(nullptr)},
          {"complete", event.capture.complete},
          {"notes", CaptureNotes(event)}};
}

void AddThread(Json& record, const ThreadName& thread) {
  record["pid"] = thread.pid;
  record["tid"] = thread.tid;
  record["process"] = thread.process;
  record["thread"] = thread.thread;
}

Json ToObject(const attach::ProcessEnd& end) {
  const bool killed = end.signal != 0;
  return {{"exit_status", killed ? Json(nullptr) : Json(end.exit_status)},
          {"signal", killed ? Json(end.signal) : Json(nullptr)}};
}

Json ToObject(const Lag::Bucket& bucket) { return {{"up_to", Seconds(bucket.end)}, {"iterations", bucket.iterations}}; }

Json ToObject(const Lag& lag) {
  return {{"p50", SecondsOrNull(lag.p50)},    {"p90", SecondsOrNull(lag.p90)}, {"p99", SecondsOrNull(lag.p99)},
          {"p99.9", SecondsOrNull(lag.p999)}, {"max", SecondsOrNull(lag.max)}, {"buckets", ObjectsOf(lag.buckets)}};
}

void AddFigures(Json& object, const LoopFigures& figures) {
  object["iterations"] = figures.iterations;
  object["utilisation"] = figures.utilisation();
  object["congested"] = figures.congested;
  object["busy_seconds"] = Seconds(figures.busy);
  object["waiting_seconds"] = Seconds(figures.waiting);
  object["lag"] = ToObject(figures.lag);
  object["blocks"] = figures.blocks;
  object["blocked_seconds"] = Seconds(figures.blocked);
  object["freezes"] = figures.freezes;
  object["freeze_seconds"] = Seconds(figures.frozen);
}

Json ToObject(const LoopTotals& totals) {
  Json object = Json::object();
  AddThread(object, totals.thread);
  object["loop"] = ToObject(totals.loop);
  AddFigures(object, totals.figures);
  return object;
}

const char* ReasonName(EndReason reason) {
  switch (reason) {
    case EndReason::kTargetEnded:
      return "target_ended";
    case EndReason::kInterrupted:
      return "interrupted";
    case EndReason::kTerminated:
      return "terminated";
    case EndReason::kDuration:
      return "duration";
    case EndReason::kMaxBlocks:
      return "max_blocks";
    case EndReason::kReaderGone:
      return "reader_gone";
    case EndReason::kFailed:
      break;
  }
  return "failed";
}

}  // namespace

std::string ToJson(const WatchStarted& started) {
  Json record = Record("WatchStarted");
  record["timestamp"] = Seconds(started.timestamp);
  record["version"] = Version();
  record["pid"] = started.pid;
  record["process"] = started.process;
  record["threshold"] = Seconds(started.threshold);
  record["check_interval"] = Seconds(started.check_interval);
  record["children"] = started.children;
  record["agent"] = started.no_agent ? "none" : "auto";
  record["no_agent_because"] = OrNull(started.no_agent);
  return Line(record);
}

std::string ToJson(const BlockEvent& event) {
  Json record = Record("EventLoopBlock");
  record["block_id"] = event.block_id;
  record["duration"] = Seconds(event.duration);
  record["threshold"] = Seconds(event.threshold);
  record["timestamp"] = Seconds(event.timestamp);
  record["ongoing"] = event.ongoing;
  AddThread(record, event.thread);
  record["loop"] = ToObject(event.loop);
  ObjectText text(record);
  text.Add("cause", ToText(event.cause));
  const auto& task = event.task;
  text.Add("task", Text(task ? Json{{"name", task->name}, {"coroutine", task->coroutine}} : Json(nullptr)));
  text.Add("blocking_stack", StackOrNull(event.blocking_stack));
  text.Add("native_stack", StackOrNull(event.native_stack));
  text.Add("samples", ToText(event.samples));
  text.Add("capture", Text(CaptureObject(event)));
  return text.whole() + "\n";
}

std::string ToJson(const WatchEnded& ended) {
  Json record = Record("WatchEnded");
  record["timestamp"] = Seconds(ended.timestamp);
  record["reason"] = ReasonName(ended.reason);
  record["target_end"] = ended.target_end ? ToObject(*ended.target_end) : Json(nullptr);
  record["duration"] = Seconds(ended.duration);
  record["blocks"] = ended.blocks;
  record["blocked_seconds"] = Seconds(ended.blocked);
  record["loops"] = ObjectsOf(ended.loops);
  record["freezes"] = ended.freezes;
  record["freeze_seconds"] = Seconds(ended.frozen);
  record["late"] = {{"looks", ended.late.looks}, {"seconds", Seconds(ended.late.total)}};
  record["dropped"] = {
      {"blocks", ended.dropped.blocks}, {"loops", ended.dropped.loops}, {"records", ended.dropped.records}};
  return Line(record);
}

std::string ToJson(const LoopStats& stats) {
  Json record = Record("LoopStats");
  record["timestamp"] = Seconds(stats.timestamp);
  record["interval"] = Seconds(stats.interval);
  AddThread(record, stats.totals.thread);
  record["loop"] = ToObject(stats.totals.loop);
  AddFigures(record, stats.totals.figures);
  return Line(record);
}

std::string ToJson(const Warning& warning) {
  Json record = Record("Warning");
  record["timestamp"] = Seconds(warning.timestamp);
  record["code"] = warning.code;
  record["message"] = warning.message;
  record["pid"] = OrNull(warning.pid);
  return Line(record);
}

std::string ToJson(const LoopSnapshot& snapshot) {
  Json record = Record("LoopSnapshot");
  record["timestamp"] = Seconds(snapshot.timestamp);
  AddThread(record, snapshot.thread);
  record["loop"] = ToObject(snapshot.loop);
  record["state"] = snapshot.waiting ? "waiting" : "busy";
  record["since_seconds"] = snapshot.since ? Json(Seconds(*snapshot.since)) : Json(nullptr);
  ObjectText text(record);
  text.Add("blocking_stack", StackOrNull(snapshot.blocking_stack));
  text.Add("native_stack", StackOrNull(snapshot.native_stack));
  return text.whole() + "\n";
}

std::string ToJson(const Check& check) {
  Json record = Record("Check");
  record["timestamp"] = Seconds(check.timestamp);
  record["pid"] = OrNull(check.pid);
  record["verdict"] = VerdictName(check.verdict);
  record["subject"] = check.subject;
  record["finding"] = check.finding;
  record["hint"] = TextOrNull(check.hint);
  return Line(record);
}

}  // namespace pyleak::cli
