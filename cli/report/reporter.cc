#include "cli/report/reporter.h"

#include <algorithm>

#include "cli/complain.h"
#include "cli/exit_status.h"
#include "cli/report/json_writer.h"
#include "cli/report/message_sink.h"
#include "cli/report/text_writer.h"

namespace pyleak::cli {
namespace {

constexpr const char* kStderr = "fd:2";

}  // namespace

Result<Reporter> Reporter::Open(const WatchOptions& options) {
  Reporter reporter(options.action);
  const bool is_json = options.output.format == Format::kJson;
  if (is_json) {
    if (auto added = reporter.AddJsonWriter(options); !added) return std::move(added).error();
  }
  // Text never gets into the JSON: there it needs a place of its own.
  if (!is_json || !options.log_file.empty()) {
    if (auto added = reporter.AddTextWriter(options); !added) return std::move(added).error();
  }
  return reporter;
}

Result<Output*> Reporter::OpenOutput(const std::string& name) {
  auto output = Output::Open(name);
  if (!output) return std::move(output).error();
  outputs_.push_back(std::make_unique<Output>(*std::move(output)));
  return outputs_.back().get();
}

Result<void> Reporter::AddJsonWriter(const WatchOptions& options) {
  auto output = OpenOutput(options.output.output);
  if (!output) return std::move(output).error();
  writers_.push_back(MakeJsonWriter(**output));
  return {};
}

Result<void> Reporter::AddTextWriter(const WatchOptions& options) {
  TextStyle style{.native = options.output.native};
  const std::uint64_t most = options.max_reports_per_minute;
  if (options.action != Action::kLog) {
    auto output = OpenOutput(options.output.output);
    if (!output) return std::move(output).error();
    style.palette = Palette(UseColor(options.output.color, ReadColorEnvironment(), (*output)->is_terminal()));
    writers_.push_back(MakeTextWriter(options.action, style, most, MakePlainSink(**output)));
  } else if (options.log_file == "syslog") {
    writers_.push_back(MakeTextWriter(options.action, style, most, MakeSyslogSink()));
  } else {
    auto output = OpenOutput(options.log_file.empty() ? kStderr : options.log_file);
    if (!output) return std::move(output).error();
    writers_.push_back(MakeTextWriter(options.action, style, most, MakeLogSink(**output)));
  }
  return {};
}

template <typename Tell>
void Reporter::TellEach(Tell tell) {
  for (const auto& writer : writers_) tell(*writer);
  for (const auto& output : outputs_) {
    if (const auto failure = output->TakeFailure()) {
      Complain("writing events: " + failure->what, "the watch goes on; what cannot be written is counted");
    }
  }
}

void Reporter::OnStarted(const WatchStarted& started) {
  TellEach([&](EventWriter& writer) { writer.OnStarted(started); });
}

void Reporter::OnOnset(const Onset& onset) {
  TellEach([&](EventWriter& writer) { writer.OnOnset(onset); });
}

void Reporter::OnStillBlocked(const BlockEvent& event) {
  TellEach([&](EventWriter& writer) { writer.OnStillBlocked(event); });
}

void Reporter::OnBlock(const BlockEvent& event) {
  TellEach([&](EventWriter& writer) { writer.OnBlock(event); });
}

void Reporter::OnStats(const LoopStats& stats) {
  TellEach([&](EventWriter& writer) { writer.OnStats(stats); });
}

void Reporter::OnWarning(const Warning& warning) {
  TellEach([&](EventWriter& writer) { writer.OnWarning(warning); });
}

void Reporter::OnTick() {
  TellEach([](EventWriter& writer) { writer.OnTick(); });
}

int Reporter::OnEnded(WatchEnded ended) {
  for (const auto& output : outputs_) ended.dropped.records += output->dropped();
  TellEach([&](EventWriter& writer) { writer.OnEnded(ended); });
  return action_ == Action::kRaise && ended.blocks > 0 ? kExitBlocksFound : kExitFine;
}

bool Reporter::ReaderHasGone() const {
  return std::any_of(outputs_.begin(), outputs_.end(), [](const auto& output) { return output->ReaderHasGone(); });
}

}  // namespace pyleak::cli
