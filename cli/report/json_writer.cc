#include "cli/report/json_writer.h"

#include "cli/report/json.h"

namespace pyleak::cli {
namespace {

class JsonWriter : public EventWriter {
 public:
  explicit JsonWriter(Output& output) : output_(output) {}

  void OnStarted(const WatchStarted& started) override { output_.Write(ToJson(started)); }
  void OnOnset(const Onset&) override {}
  void OnStillBlocked(const BlockEvent& event) override { output_.Write(ToJson(event)); }
  void OnBlock(const BlockEvent& event) override { output_.Write(ToJson(event)); }
  void OnStats(const LoopStats& stats) override { output_.Write(ToJson(stats)); }
  void OnWarning(const Warning& warning) override { output_.Write(ToJson(warning)); }
  void OnEnded(const WatchEnded& ended) override { output_.Write(ToJson(ended)); }

 private:
  Output& output_;
};

}  // namespace

std::unique_ptr<EventWriter> MakeJsonWriter(Output& output) { return std::make_unique<JsonWriter>(output); }

}  // namespace pyleak::cli
