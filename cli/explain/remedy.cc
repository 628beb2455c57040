#include "cli/explain/remedy.h"

#include <algorithm>
#include <string_view>

#include "attach/trace/wait_calls.h"

namespace pyleak::cli {
namespace {

using symbolize::Frame;
using symbolize::Language;
using symbolize::Stack;

bool IsOneOf(const std::string& kind, std::initializer_list<std::string_view> kinds) {
  return std::ranges::find(kinds, kind) != kinds.end();
}

bool IsAsyncio(const std::string& loop_kind) { return IsOneOf(loop_kind, {"asyncio", "uvloop", "tornado"}); }

/// Python's own modules; what they do is not the user's to change.
bool IsStandardLibrary(const Frame& frame) {
  return frame.filename.find("/lib/python3") != std::string::npos &&
         frame.filename.find("-packages/") == std::string::npos;
}

/// The source text nearest to where the thread stood; empty if the user did not write it.
std::string_view InnermostSourceLine(const Stack& stack) {
  for (auto frame = stack.frames.rbegin(); frame != stack.frames.rend(); ++frame) {
    if (frame->line) return IsStandardLibrary(*frame) ? std::string_view() : std::string_view(*frame->line);
  }
  return {};
}

bool HasPythonModule(const Stack& stack, std::string_view path) {
  return std::ranges::any_of(stack.frames, [&](const Frame& frame) {
    return frame.language == Language::kPython && frame.filename.ends_with(path) && IsStandardLibrary(frame);
  });
}

bool HasNative(const Stack& stack, std::string_view name) {
  return std::ranges::any_of(stack.frames, [&](const Frame& frame) {
    return frame.language == Language::kNative && frame.name.find(name) != std::string::npos;
  });
}

std::string ForPythonSleep(const std::string& loop_kind) {
  if (IsAsyncio(loop_kind)) return "time.sleep blocks the loop, use asyncio.sleep";
  if (loop_kind == "trio") return "time.sleep blocks the loop, use trio.sleep";
  return "time.sleep blocks the loop";
}

std::string ForPython(CauseKind kind, const attach::ThreadActivity& call, const Stack& stack,
                      const std::string& loop_kind) {
  const bool trio = loop_kind == "trio";
  if (kind == CauseKind::kCpu) {
    return "computing blocks the loop, and a thread of its own would hold the GIL as much: use a process pool";
  }
  if (kind != CauseKind::kSyscall && kind != CauseKind::kNestedWait) return "";
  if (attach::IsSleep(call) && InnermostSourceLine(stack).find("time.sleep(") != std::string_view::npos) {
    return ForPythonSleep(loop_kind);
  }
  if (HasPythonModule(stack, "/subprocess.py")) {
    return std::string("subprocess blocks the loop, use ") +
           (trio ? "trio.run_process" : "asyncio.create_subprocess_exec");
  }
  if (HasPythonModule(stack, "/http/client.py")) {
    return std::string("a synchronous HTTP request blocks the loop, use an asynchronous client or ") +
           (trio ? "trio.to_thread.run_sync" : "asyncio.to_thread");
  }
  return "";
}

std::string ForNode(CauseKind kind, const Stack& stack) {
  if (HasNative(stack, "node::SyncProcessRunner::")) {
    return "execSync and spawnSync block the loop, use exec or spawn";
  }
  if (kind == CauseKind::kCpu) return "computing blocks the loop, use a worker thread";
  if (HasNative(stack, "node::fs::")) return "the Sync functions of fs block the loop, use those of fs.promises";
  return "";
}

}  // namespace

std::string RemedyFor(CauseKind kind, const attach::ThreadActivity& call, const Stack& stack,
                      const std::string& loop_kind) {
  if (IsAsyncio(loop_kind) || loop_kind == "trio") return ForPython(kind, call, stack, loop_kind);
  return loop_kind == "node" ? ForNode(kind, stack) : "";
}

}  // namespace pyleak::cli
