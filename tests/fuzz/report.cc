/// Text of the target's choice in every field of every event: what is printed is fit for a terminal and for a parser.
#include <nlohmann/json.hpp>

#include "cli/report/json.h"
#include "cli/report/sanitise.h"
#include "cli/report/text.h"
#include "tests/fuzz/input.h"

namespace {

using namespace pyleak;
using namespace pyleak::cli;

bool IsPrintableAscii(char c) { return c >= 0x20 && c < 0x7f; }

void CheckJson(const std::string& line) {
  fuzz::Check(line.ends_with('\n') && std::all_of(line.begin(), line.end() - 1, IsPrintableAscii));
  fuzz::Check(nlohmann::json::accept(line));
}

/// An oracle of its own for what is UTF-8: nlohmann's, which refuses anything else.
void CheckText(const std::string& text) {
  const auto is_control = [](unsigned char c) { return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f; };
  fuzz::Check(std::ranges::none_of(text, is_control));
  fuzz::Check(text.find("\xc2\x9b") == std::string::npos);  // CSI as one character
  (void)nlohmann::json(text).dump();                        // throws unless it is UTF-8
}

symbolize::Stack StackOf(fuzz::Input& input) {
  symbolize::Stack stack;
  for (int frames = input.Number<std::uint8_t>() % 8; frames > 0; --frames) {
    symbolize::Frame frame;
    frame.language = static_cast<symbolize::Language>(input.Number<std::uint8_t>() % 4);
    frame.name = input.Text();
    frame.filename = input.Text();
    frame.module = input.Text();
    frame.lineno = input.Number<std::int32_t>();
    frame.line = input.Text();
    frame.address = RemoteAddress(input.Number<std::uint64_t>());
    stack.frames.push_back(std::move(frame));
  }
  stack.notes.push_back(input.Text());
  return stack;
}

ThreadName ThreadOf(fuzz::Input& input) {
  return {input.Number<std::int32_t>(), input.Number<std::int32_t>(), input.Text(), input.Text()};
}

BlockEvent BlockOf(fuzz::Input& input) {
  BlockEvent event;
  event.duration = std::chrono::nanoseconds(input.Number<std::int64_t>());
  event.timestamp = Timestamp(std::chrono::nanoseconds(input.Number<std::int64_t>()));
  event.thread = ThreadOf(input);
  event.loop = {input.Text(), input.Text(), input.Number<std::int32_t>(), input.Number<std::uint64_t>()};
  event.cause.summary = input.Text();
  event.cause.target = input.Text();
  event.task = Task{input.Text(), input.Text()};
  event.blocking_stack = StackOf(input);
  event.native_stack = StackOf(input);
  event.samples.push_back({1, {}, {}, StackOf(input)});
  event.capture.notes.push_back(input.Text());
  return event;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const BlockEvent block = BlockOf(input);
  CheckJson(ToJson(block));
  CheckText(BlockText(block, {.native = true}));
  CheckText(StillBlockedText(block));
  const WatchStarted started{.timestamp = block.timestamp, .pid = 1, .process = input.Text()};
  CheckJson(ToJson(started));
  CheckText(StartedText(started));
  CheckJson(ToJson(Warning{block.timestamp, "code", input.Text(), 1}));
  const LoopSnapshot snapshot{.thread = block.thread, .loop = block.loop, .blocking_stack = block.blocking_stack};
  CheckJson(ToJson(snapshot));
  CheckText(SnapshotText(snapshot, {}));
  CheckText(Sanitise(fuzz::Input::TextOf(input.rest())));
  return 0;
}
