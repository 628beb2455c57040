#include "symbolize/python/frame_chain.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "symbolize/python/load.h"

namespace pyleak::symbolize::python {
namespace {

constexpr std::size_t kMaxFrames = 4096;
constexpr int kMaxInterpreters = 256;
constexpr int kMaxThreads = 4096;
constexpr int kMaxDataStackChunks = 256;
/// Chunks have 16 KiB, or as much as one very large frame wants: Python/pystate.c, push_chunk().
constexpr std::uint64_t kMaxChunkBytes = std::uint64_t{1} << 20;
/// The owner of shims, FRAME_OWNED_BY_CSTACK (3.12, 3.13: pycore_frame.h) or FRAME_OWNED_BY_INTERPRETER (3.14:
/// pycore_interpframe_structs.h). No frame with code has an owner as high.
constexpr unsigned kOwnerShim = 3;
/// Lowest bits of a code object's address, which 3.14 uses for marks: pycore_stackref.h.
constexpr std::uint64_t kTagBits = 7;

std::size_t ThreadStateBytes(const Layout& layout) {
  return std::max({layout.thread.next, layout.thread.thread_id, layout.thread.native_thread_id.value_or(0),
                   layout.thread.frame, layout.thread.datastack_chunk.value_or(0)}) +
         sizeof(std::uint64_t);
}

std::size_t FrameBytes(const Layout& layout) {
  return std::max({layout.frame.previous, layout.frame.code, layout.frame.instruction, layout.frame.owner}) +
         sizeof(std::uint64_t);
}

bool IsOf(const Layout& layout, std::span<const std::byte> state, int tid, RemoteAddress thread_pointer) {
  if (!thread_pointer.is_null()) return LoadAddress(state, layout.thread.thread_id) == thread_pointer;
  return layout.thread.native_thread_id &&
         Load<std::uint64_t>(state, *layout.thread.native_thread_id) == static_cast<std::uint64_t>(tid);
}

/// Makes the memory that the frames lie in part of the walk, so that they cost no system call each.
void FetchDataStack(const attach::MemoryReader& memory, WorkingSet& set, RemoteAddress chunk) {
  for (int i = 0; i < kMaxDataStackChunks && !chunk.is_null(); ++i) {
    // struct _PyStackChunk: Include/cpython/pystate.h, unchanged since 3.11.
    struct Header {
      std::uint64_t previous;
      std::uint64_t size_bytes;
    };
    const auto header = set.Value<Header>(memory, chunk);
    if (!header || header->size_bytes > kMaxChunkBytes) return;
    const AddressRange whole{chunk, chunk + header->size_bytes};
    if (!set.Fetch(memory, std::span(&whole, 1))) return;
    chunk = RemoteAddress(header->previous);
  }
}

/// What the thread's state points to: the innermost frame, or, in 3.11 and 3.12, a _PyCFrame on the thread's stack that
/// points to it.
struct Innermost {
  RemoteAddress frame;
  RemoteAddress cframe;
};

Innermost AtCframe(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set, RemoteAddress cframe) {
  const auto frame = set.Value<RemoteAddress>(memory, cframe + *layout.thread.cframe_current_frame);
  return {frame.value_or(RemoteAddress()), cframe};
}

/// Adds a frame to the chain, and ends an evaluation where one ends.
class ChainBuilder {
 public:
  ChainBuilder(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set, RemoteAddress cframe)
      : layout_(layout), memory_(memory), set_(set), cframe_(cframe) {}

  void Add(RemoteAddress address, std::span<const std::byte> frame) {
    const unsigned owner = Load<std::uint8_t>(frame, layout_.frame.owner);
    if (layout_.frame_form == FrameForm::kShim && owner >= kOwnerShim) return EndEvaluation(address);
    ++evaluation_frames_;
    chain_.links.push_back(LinkOf(address, frame));
    const bool entry = layout_.frame_form == FrameForm::kEntryFlag && owner != 0;
    if (entry) return EndEvaluation(PassCframe());
    if (layout_.frame_form == FrameForm::kObject) EndEvaluation({});
  }

  /// At the outermost frame, which is the first one of an evaluation.
  FrameChain Finish() && {
    if (evaluation_frames_ != 0) return std::move(*this).Break("the chain of Python frames is torn");
    chain_.complete = true;
    return std::move(chain_);
  }

  /// Before it.
  FrameChain Break(std::string note) && {
    if (evaluation_frames_ != 0) EndEvaluation({});
    chain_.note = std::move(note);
    return std::move(chain_);
  }

 private:
  [[nodiscard]] FrameChain::Link LinkOf(RemoteAddress address, std::span<const std::byte> frame) const {
    const std::uint64_t code = Load<std::uint64_t>(frame, layout_.frame.code) & ~kTagBits;
    const std::int64_t instruction = layout_.frame_form == FrameForm::kObject
                                         ? Load<std::int32_t>(frame, layout_.frame.instruction)
                                         : Load<std::int64_t>(frame, layout_.frame.instruction);
    return {.frame = address, .code = RemoteAddress(code), .instruction = instruction};
  }

  void EndEvaluation(RemoteAddress on_stack) {
    chain_.evaluations.push_back({.frames = std::exchange(evaluation_frames_, 0), .on_stack = on_stack});
  }

  /// That of this evaluation; from then on it is the next outer one's.
  RemoteAddress PassCframe() {
    if (cframe_.is_null()) return cframe_;
    const auto previous = set_.Value<RemoteAddress>(memory_, cframe_ + *layout_.thread.cframe_previous);
    return std::exchange(cframe_, previous.value_or(RemoteAddress()));
  }

  const Layout& layout_;
  const attach::MemoryReader& memory_;
  WorkingSet& set_;
  RemoteAddress cframe_;
  FrameChain chain_;
  std::size_t evaluation_frames_ = 0;
};

FrameChain Walk(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set, Innermost innermost) {
  ChainBuilder chain(layout, memory, set, innermost.cframe);
  const std::size_t frame_bytes = FrameBytes(layout);
  RemoteAddress frame = innermost.frame;
  for (std::size_t i = 0; i < kMaxFrames; ++i) {
    if (frame.is_null()) return std::move(chain).Finish();
    const AddressRange range{frame, frame + frame_bytes};
    if (!set.Fetch(memory, std::span(&range, 1))) return std::move(chain).Break("a Python frame could not be read");
    const auto copy = set.View(frame, frame_bytes);
    chain.Add(frame, copy);
    frame = LoadAddress(copy, layout.frame.previous);
  }
  return std::move(chain).Break("only the innermost 4096 Python frames are shown");
}

/// The innermost frame of the evaluation that called the innermost one; null: none did.
RemoteAddress BeginOfSecondEvaluation(const FrameChain& chain) {
  const std::size_t at = chain.evaluations.empty() ? 0 : chain.evaluations.front().frames;
  return at < chain.links.size() ? chain.links[at].frame : RemoteAddress();
}

/// 3.11 and 3.12. An evaluation that has just begun shows its _PyCFrame, `cframe`, before that points to anything, and
/// one that has just ended shows it after that does no more (Python/ceval.c); then the next outer one has the frames.
FrameChain WalkFromCframe(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set,
                          RemoteAddress state, RemoteAddress cframe) {
  // The outermost one, root_cframe, is part of PyThreadState, which has less than these bytes.
  const bool is_root = AddressRange{state, state + 1024}.Contains(cframe);
  const auto previous = set.Value<RemoteAddress>(memory, cframe + *layout.thread.cframe_previous);
  Innermost outer;
  if (previous && !previous->is_null()) outer = AtCframe(layout, memory, set, *previous);
  FrameChain chain = Walk(layout, memory, set, AtCframe(layout, memory, set, cframe));
  const bool fits = BeginOfSecondEvaluation(chain) == outer.frame;
  if (fits && (is_root || !outer.cframe.is_null())) return chain;
  FrameChain others = Walk(layout, memory, set, outer);
  if (others.complete && !outer.cframe.is_null()) return others;
  return {.links = {}, .evaluations = {}, .complete = false, .note = "the chain of Python frames was just changing"};
}

}  // namespace

std::optional<RemoteAddress> FindThreadState(const Layout& layout, const attach::MemoryReader& memory,
                                             RemoteAddress runtime, int tid, RemoteAddress thread_pointer) {
  std::optional<RemoteAddress> idle;  // A thread has one for each interpreter that it has been in.
  std::vector<std::byte> bytes(ThreadStateBytes(layout));
  auto interpreter = memory.ReadValue<RemoteAddress>(runtime + layout.runtime.interpreters_head);
  int threads = 0;
  for (int i = 0; i < kMaxInterpreters && interpreter && !interpreter->is_null(); ++i) {
    auto state = memory.ReadValue<RemoteAddress>(*interpreter + layout.interpreter.threads_head);
    while (state && !state->is_null() && threads++ < kMaxThreads) {
      if (memory.Read(*state, bytes) != bytes.size()) break;
      if (IsOf(layout, bytes, tid, thread_pointer)) {
        if (!LoadAddress(bytes, layout.thread.frame).is_null()) return state;
        idle = state;
      }
      state = LoadAddress(bytes, layout.thread.next);
    }
    interpreter = memory.ReadValue<RemoteAddress>(*interpreter + layout.interpreter.next);
  }
  return idle;
}

bool IsRunningThreadState(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set,
                          RemoteAddress state, int tid, RemoteAddress thread_pointer) {
  const AddressRange range{state, state + ThreadStateBytes(layout)};
  if (!set.Fetch(memory, std::span(&range, 1))) return false;
  const auto bytes = set.View(range.begin, range.size_bytes());
  return IsOf(layout, bytes, tid, thread_pointer) && !LoadAddress(bytes, layout.thread.frame).is_null();
}

FrameChain ReadFrameChain(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set,
                          RemoteAddress state) {
  const AddressRange state_range{state, state + ThreadStateBytes(layout)};
  if (!set.Fetch(memory, std::span(&state_range, 1))) {
    return {.links = {},
            .evaluations = {},
            .complete = false,
            .note = "the interpreter's state of the thread could not be read"};
  }
  const auto bytes = set.View(state_range.begin, state_range.size_bytes());
  const RemoteAddress pointer = LoadAddress(bytes, layout.thread.frame);
  if (layout.thread.datastack_chunk) FetchDataStack(memory, set, LoadAddress(bytes, *layout.thread.datastack_chunk));
  if (!layout.thread.cframe_current_frame || pointer.is_null()) return Walk(layout, memory, set, {pointer, {}});
  return WalkFromCframe(layout, memory, set, state, pointer);
}

}  // namespace pyleak::symbolize::python
