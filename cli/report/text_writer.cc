#include "cli/report/text_writer.h"

#include <fmt/format.h>

#include <utility>

#include "cli/report/repeated_blocks.h"
#include "cli/report/sanitise.h"

namespace pyleak::cli {
namespace {

/// The moment at which the block had lasted as long as the event says.
Timestamp EndOf(const BlockEvent& event) { return event.timestamp + event.duration; }

/// What all actions but raise do.
class TextWriter : public EventWriter {
 public:
  TextWriter(Action action, TextStyle style, std::uint64_t most_per_minute, std::unique_ptr<MessageSink> sink)
      : cancel_(action == Action::kCancel), style_(style), repeated_(most_per_minute), sink_(std::move(sink)) {}

  void OnStarted(const WatchStarted& started) override {
    pid_ = started.pid;
    Tell(Level::kInfo, started.pid, started.timestamp, StartedText(started));
  }
  void OnOnset(const Onset& onset) override {
    if (!repeated_.ShowsOnset(onset, Clock::now())) return;
    Tell(Level::kWarning, onset.thread.pid, onset.timestamp, style_.palette.Notice(OnsetText(onset)));
  }
  void OnStillBlocked(const BlockEvent& event) override {
    if (!repeated_.ShowsAge(event, Clock::now())) return;
    Tell(Level::kWarning, event.thread.pid, EndOf(event), style_.palette.Notice(StillBlockedText(event)));
  }
  void OnBlock(const BlockEvent& event) override {
    // The last that is heard of a block that was cut short is worth its lines.
    if (!event.ongoing && !repeated_.Take(event, Clock::now())) return;
    std::string text = BlockText(event, style_);
    if (cancel_) text += "\nCannot cancel blocking - consider using async alternatives.";
    Tell(Level::kWarning, event.thread.pid, EndOf(event), std::move(text));
  }
  void OnStats(const LoopStats& stats) override {
    Tell(Level::kInfo, stats.totals.thread.pid, stats.timestamp, StatsText(stats));
  }
  void OnWarning(const Warning& warning) override {
    Tell(Level::kWarning, warning.pid.value_or(pid_), warning.timestamp,
         style_.palette.Notice("Warning: " + Sanitise(warning.message)));
  }
  void OnTick() override { TellCounted(repeated_.TakeDue(Clock::now())); }
  void OnEnded(const WatchEnded& ended) override {
    TellCounted(repeated_.TakeAll(Clock::now()));
    Tell(Level::kInfo, pid_, ended.timestamp, SummaryText(ended));
  }

 protected:
  void Tell(Level level, int pid, Timestamp time, std::string text) {
    sink_->Write({.level = level, .pid = pid, .time = time, .text = std::move(text)});
  }
  [[nodiscard]] const TextStyle& style() const { return style_; }
  [[nodiscard]] int pid() const { return pid_; }

 private:
  using Clock = std::chrono::steady_clock;

  void TellCounted(const std::vector<CountedBlocks>& all) {
    for (const CountedBlocks& counted : all) {
      Tell(Level::kWarning, pid_, std::chrono::system_clock::now(), style_.palette.Notice(CountedText(counted)));
    }
  }

  bool cancel_;
  TextStyle style_;
  RepeatedBlocks repeated_;
  std::unique_ptr<MessageSink> sink_;
  int pid_ = 0;  ///< The process that the watch began with.
};

/// Keeps every event for the end, as an exception group would. The text is kept rather than the event: it is smaller.
class RaisingWriter : public TextWriter {
 public:
  using TextWriter::TextWriter;

  void OnOnset(const Onset&) override {}
  void OnStillBlocked(const BlockEvent&) override {}
  void OnBlock(const BlockEvent& event) override {
    std::string text = BlockText(event, style());
    if (kept_.size() + text.size() > kMostBytesKept) {
      ++not_kept_;
      return;
    }
    kept_ += "\n" + text;
  }
  void OnEnded(const WatchEnded& ended) override {
    if (ended.blocks > 0) {
      std::string text = fmt::format("EventLoopBlockError: Detected {} event loop blocks", ended.blocks);
      text = style().palette.Alarm(text) + kept_;
      if (not_kept_ > 0) text += fmt::format("\n{} more are not shown", not_kept_);
      Tell(Level::kWarning, pid(), ended.timestamp, std::move(text));
    }
    TextWriter::OnEnded(ended);
  }

 private:
  static constexpr std::size_t kMostBytesKept = std::size_t{64} << 20;

  std::string kept_;
  std::uint64_t not_kept_ = 0;
};

}  // namespace

std::unique_ptr<EventWriter> MakeTextWriter(Action action, TextStyle style, std::uint64_t most_per_minute,
                                            std::unique_ptr<MessageSink> sink) {
  if (action == Action::kRaise) return std::make_unique<RaisingWriter>(action, style, most_per_minute, std::move(sink));
  return std::make_unique<TextWriter>(action, style, most_per_minute, std::move(sink));
}

}  // namespace pyleak::cli
