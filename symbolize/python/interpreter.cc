#include "symbolize/python/interpreter.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string>

#include "symbolize/python/line_table.h"
#include "symbolize/python/locals.h"
#include "symbolize/python/text.h"

namespace pyleak::symbolize::python {
namespace {

/// More threads than that are not looked at in turn by anyone; threads come and go, and so are not remembered for ever.
constexpr std::size_t kMaxThreads = 256;

/// Offset in bytes into the bytecode; less than 0 if the frame has not begun, or stands where it cannot.
std::int64_t BytecodeOffset(const Layout& layout, const FrameChain::Link& link) {
  if (layout.frame_form == FrameForm::kObject) return link.instruction * layout.lasti_unit_bytes();
  const RemoteAddress begin = link.code + layout.code.bytecode;
  return static_cast<std::int64_t>(RemoteAddress(static_cast<std::uint64_t>(link.instruction)) - begin);
}

std::string TextOf(const CodeObject::Text& text) { return ToUtf8(text.characters, text.character_bytes); }

/// Of the chain's links, and each once.
std::vector<RemoteAddress> CodeAddresses(const FrameChain& chain) {
  std::vector<RemoteAddress> addresses;
  addresses.reserve(chain.links.size());
  for (const FrameChain::Link& link : chain.links) addresses.push_back(link.code);
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

/// Ends the chain before its `count`th link.
void Cut(FrameChain& chain, std::size_t count) {
  chain.links.resize(count);
  std::size_t kept = 0;
  for (Evaluation& evaluation : chain.evaluations) {
    evaluation.frames = std::min(evaluation.frames, count - kept);
    kept += evaluation.frames;
  }
  while (!chain.evaluations.empty() && chain.evaluations.back().frames == 0) chain.evaluations.pop_back();
  chain.complete = false;
  chain.note = "a Python frame has no code object";
}

void NoteNewerFiles(Stack& stack, SourceText& source) {
  std::set<std::string> files;
  for (const Frame& frame : stack.frames) {
    if (frame.line && source.IsNewerThanProcess(frame.filename)) files.insert(frame.filename);
  }
  for (const std::string& file : files) {
    stack.notes.push_back(file + " was written after the process began: its lines may be others than those that run");
  }
}

}  // namespace

Result<std::optional<Interpreter>> Interpreter::Find(const ModuleMap& modules, const attach::MemoryReader& memory) {
  auto runtime = FindRuntime(modules, memory);
  if (!runtime) return std::move(runtime).error();
  if (!runtime->has_value()) return std::optional<Interpreter>();
  return std::optional<Interpreter>(Interpreter(**std::move(runtime)));
}

Interpreter::Thread& Interpreter::Remember(int tid) {
  if (threads_.size() >= kMaxThreads && !threads_.contains(tid)) threads_.clear();
  return threads_[tid];
}

RawPythonStack Interpreter::Capture(const attach::MemoryReader& memory, int tid, RemoteAddress thread_pointer,
                                    const Redaction* locals) {
  const Layout& layout = runtime_.layout;
  Thread& thread = Remember(tid);
  thread.memory.Refresh(memory);
  if (thread.state.is_null() ||
      !IsRunningThreadState(layout, memory, thread.memory, thread.state, tid, thread_pointer)) {
    thread.state = FindThreadState(layout, memory, runtime_.address, tid, thread_pointer).value_or(RemoteAddress());
  }
  RawPythonStack raw;
  raw.chain.complete = true;
  if (thread.state.is_null()) return raw;
  raw.chain = ReadFrameChain(layout, memory, thread.memory, thread.state);
  const std::vector<RemoteAddress> addresses = CodeAddresses(raw.chain);
  const std::vector<CodeCache::Pointer> codes = codes_.Get(layout, memory, thread.memory, addresses);
  for (const FrameChain::Link& link : raw.chain.links) {
    const auto at = std::lower_bound(addresses.begin(), addresses.end(), link.code);
    const CodeCache::Pointer& code = codes[static_cast<std::size_t>(at - addresses.begin())];
    if (!code) break;
    raw.code.push_back(code);
  }
  raw.collection = FindCollection(layout, memory, thread.memory, runtime_.address);
  raw.task = tasks_.Of(layout, memory, thread.memory, raw.chain, raw.code);
  if (raw.code.size() < raw.chain.links.size()) Cut(raw.chain, raw.code.size());
  if (locals != nullptr) raw.locals = ReadLocals(layout, memory, thread.memory, raw.chain.links, *locals);
  return raw;
}

PythonStack Interpreter::Resolve(const RawPythonStack& raw, SourceText& source) const {
  PythonStack resolved;
  resolved.module = runtime_.module_path;
  resolved.task = raw.task;
  resolved.stack.complete = raw.chain.complete;
  if (!raw.chain.note.empty()) resolved.stack.notes.push_back(raw.chain.note);
  resolved.evaluations.assign(raw.chain.evaluations.rbegin(), raw.chain.evaluations.rend());
  for (std::size_t i = raw.code.size(); i-- > 0;) {
    resolved.stack.frames.push_back(Name(raw.chain.links[i], *raw.code[i], source));
    if (raw.locals) resolved.stack.frames.back().locals = (*raw.locals)[i];
  }
  NoteNewerFiles(resolved.stack, source);
  return resolved;
}

Frame Interpreter::Name(const FrameChain::Link& link, const CodeObject& code, SourceText& source) const {
  const SourcePosition position = FindPosition(runtime_.layout.line_table_form, code.line_table,
                                               code.identity.first_line, BytecodeOffset(runtime_.layout, link));
  Frame frame;
  frame.language = Language::kPython;
  frame.name = TextOf(code.name);
  frame.filename = TextOf(code.filename);
  frame.lineno = position.lineno;
  frame.end_lineno = position.end_lineno;
  frame.colno = position.colno;
  frame.end_colno = position.end_colno;
  if (frame.lineno) frame.line = source.Line(frame.filename, *frame.lineno);
  return frame;
}

}  // namespace pyleak::symbolize::python
