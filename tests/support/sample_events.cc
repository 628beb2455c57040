#include "tests/support/sample_events.h"

#include <limits>
#include <utility>

namespace pyleak::testing {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using symbolize::Frame;
using symbolize::Language;
using symbolize::Stack;

constexpr cli::Timestamp kBegin{1749051796302000000ns};
const std::string kNasty =
    "\x1b[2J\x1b]0;owned\x07 \0 \xff\xfe \xed\xa0\x80 \xc2\x9b \xe2\x80\xae \xe2\x80\xa8 \n\r\t\"\\ \xc3\xa4"s;

Frame PythonFrame(std::string filename, int lineno, std::string name, std::optional<std::string> line) {
  return {.language = Language::kPython,
          .name = std::move(name),
          .filename = std::move(filename),
          .lineno = lineno,
          .end_lineno = lineno,
          .colno = 4,
          .end_colno = 17,
          .line = std::move(line)};
}

Frame NativeFrame(std::string name, std::string module, std::uint64_t address) {
  return {.name = std::move(name), .module = std::move(module), .address = RemoteAddress(address)};
}

}  // namespace

cli::BlockEvent SleepingBlock() {
  Stack stack{.complete = true};
  stack.frames.push_back(PythonFrame("/srv/app.py", 22, "<module>", "asyncio.run(main())"));
  stack.frames.push_back(NativeFrame("_extension_call", "/srv/_extension.so", 0x7f0000001000));
  for (int depth = 0; depth < 6; ++depth) {
    stack.frames.push_back(PythonFrame("/srv/app.py", 14, "Service.descend", "return self.descend(n - 1)"));
  }
  stack.frames.push_back(PythonFrame("<string>", 1, "generated", std::nullopt));
  stack.frames.push_back(PythonFrame("/srv/app.py", 9, "handle_request", "time.sleep(1)"));
  stack.frames.push_back(NativeFrame("clock_nanosleep", "/lib/x86_64-linux-gnu/libc.so.6", 0x7f00000f1234));
  Stack native{.frames = {stack.frames.back()}, .complete = true};
  return {.block_id = 1,
          .duration = 1001234567ns,
          .threshold = 200ms,
          .timestamp = kBegin,
          .thread = {.pid = 4242, .tid = 4242, .process = "python3", .thread = "MainThread"},
          .loop = {.kind = "asyncio", .wait = "epoll_wait", .fd = 3, .iteration = 17},
          .cause = {.kind = cli::CauseKind::kSyscall,
                    .summary = "system call clock_nanosleep, 1.000s of 1.001s asleep",
                    .syscall = "clock_nanosleep",
                    .cpu = 1ms,
                    .wait = 1s},
          .blocking_stack = stack,
          .native_stack = native,
          .samples = {{.count = 2, .first_at = 200ms, .last_at = 700ms, .blocking_stack = stack}},
          .capture = {.freezes = {21us, 9us}, .after = 200ms, .complete = true}};
}

cli::BlockEvent NastyBlock() {
  Frame frame = NativeFrame(kNasty, kNasty, std::numeric_limits<std::uint64_t>::max());
  frame.filename = kNasty;
  frame.lineno = std::numeric_limits<int>::max();
  frame.line = kNasty;
  frame.inlined = true;
  Frame python = PythonFrame(kNasty, 1, kNasty, kNasty);
  python.locals = {{kNasty, kNasty}, {"", ""}};
  Frame kernel = NativeFrame(kNasty, "", 0);
  kernel.language = Language::kKernel;
  const Stack stack{.frames = {python, frame, NativeFrame("", kNasty, 0x1000), kernel}, .notes = {kNasty}};
  return {.block_id = std::numeric_limits<std::uint64_t>::max(),
          .duration = std::chrono::nanoseconds::max(),
          .threshold = 1ns,
          .timestamp = kBegin,
          .ongoing = true,
          .thread = {.pid = 1, .tid = 2, .process = kNasty, .thread = kNasty},
          .loop = {.kind = kNasty, .wait = kNasty, .fd = std::nullopt, .iteration = 0},
          .cause = {.kind = cli::CauseKind::kLock,
                    .summary = kNasty,
                    .syscall = kNasty,
                    .fd = 7,
                    .target = kNasty,
                    .cpu = 1s,
                    .wait = 2s,
                    .runqueue = 3s,
                    .gil_holder = cli::Holder{.tid = 3, .name = kNasty, .stack = stack, .freeze = 1us},
                    .lock_holder = cli::Holder{.tid = 4, .name = kNasty, .freeze = 1us}},
          .task = cli::Task{.name = kNasty, .coroutine = kNasty},
          .blocking_stack = stack,
          .native_stack = stack,
          .samples = {{.count = 1, .first_at = 1s, .last_at = 1s, .blocking_stack = stack}},
          .capture = {.freezes = {1us}, .after = 1s, .complete = false, .notes = {kNasty, "second"}}};
}

cli::BlockEvent BareBlock() {
  return {.block_id = 2,
          .duration = 250ms,
          .threshold = 200ms,
          .timestamp = kBegin,
          .thread = {.pid = 4242, .tid = 4243, .process = "server", .thread = "worker"},
          .loop = {}};
}

cli::WatchStarted SampleStart() {
  return {.timestamp = kBegin, .pid = 4242, .process = "python3", .threshold = 200ms, .check_interval = 50ms};
}

cli::LoopFigures SampleFigures() {
  return {.iterations = 100,
          .busy = 2s,
          .waiting = 8s,
          .lag = {.p50 = 128us,
                  .p90 = 160us,
                  .p99 = 262144us,
                  .p999 = 1001ms,
                  .max = 1001ms,
                  .buckets = {{.end = 128us, .iterations = 80}, {.end = 262144us, .iterations = 20}}},
          .blocks = 2,
          .blocked = 1251ms,
          .freezes = 5,
          .frozen = 100us};
}

cli::LoopStats SampleStats() {
  const auto block = SleepingBlock();
  return {.timestamp = kBegin, .interval = 10s, .totals = {block.thread, block.loop, SampleFigures()}};
}

cli::WatchEnded SampleEnd() {
  const auto block = SleepingBlock();
  return {.timestamp = kBegin + 10s,
          .reason = cli::EndReason::kInterrupted,
          .duration = 10s,
          .blocks = 2,
          .blocked = 1251ms,
          .loops = {{.thread = block.thread, .loop = block.loop, .figures = SampleFigures()}},
          .freezes = 5,
          .frozen = 100us,
          .late = {.looks = 1, .total = 900ms},
          .dropped = {.blocks = 1, .loops = 2, .records = 3}};
}

cli::Warning SampleWarning() {
  return {.timestamp = kBegin, .code = "no_loop", .message = "no event loop yet: " + kNasty, .pid = 4242};
}

cli::Check SampleCheck() {
  return {.timestamp = kBegin,
          .pid = 4242,
          .verdict = cli::Check::Verdict::kNote,
          .subject = "memory",
          .finding = kNasty,
          .hint = kNasty};
}

cli::LoopSnapshot SampleSnapshot() {
  const auto block = SleepingBlock();
  return {.timestamp = kBegin,
          .thread = block.thread,
          .loop = block.loop,
          .waiting = false,
          .since = 300ms,
          .blocking_stack = block.blocking_stack,
          .native_stack = std::nullopt};
}

}  // namespace pyleak::testing
