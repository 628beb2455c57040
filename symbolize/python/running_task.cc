#include "symbolize/python/running_task.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "symbolize/python/attributes.h"
#include "symbolize/python/dict.h"
#include "symbolize/python/locals.h"
#include "symbolize/python/object_memory.h"
#include "symbolize/python/object_reader.h"

namespace pyleak::symbolize::python {
namespace {

constexpr std::size_t kMaxInterpreters = 256;
/// Loops that run a task at the same moment, each in a thread of its own.
constexpr std::size_t kMaxTasks = 64;
constexpr std::size_t kMaxNameCharacters = 256;
/// PyModuleObject.md_dict, Include/internal/pycore_moduleobject.h: the same from 3.8 to 3.14.
constexpr std::uint64_t kModuleDict = 16;

constexpr std::string_view kTrioLoop = "unrolled_run";
constexpr std::string_view kTrioFile = "/trio/_core/_run.py";

/// Whether a text of ASCII characters ends so.
bool EndsWith(const CodeObject::Text& text, std::string_view end) {
  if (text.character_bytes != 1 || text.characters.size() < end.size()) return false;
  const auto last = std::span(text.characters).last(end.size());
  return std::ranges::equal(last, end, [](std::byte a, char b) { return a == static_cast<std::byte>(b); });
}

/// asyncio.tasks has the table under this name, be the tasks made in C or in Python.
std::optional<RemoteAddress> FindTable(const Layout& layout, const attach::MemoryReader& memory,
                                       RemoteAddress modules) {
  const auto module = FindInDict(layout, memory, modules, "asyncio.tasks");
  const auto names = module ? memory.ReadValue<RemoteAddress>(*module + kModuleDict) : std::nullopt;
  return names ? FindInDict(layout, memory, *names, "_current_tasks") : std::nullopt;
}

/// A task, and how far in its coroutine lies on the stack: 0 is the innermost frame.
struct Candidate {
  std::size_t depth = 0;
  RemoteAddress name;
  RemoteAddress coroutine;
};

/// Finds the task that a thread runs. What it wants to see and is not copied yet is missing: see ObjectMemory.
class TaskSearch {
 public:
  TaskSearch(ObjectReader& reader, const FrameChain& chain) : reader_(reader), chain_(chain) {}

  /// Of loops within loops the innermost one's task.
  void LookInto(RemoteAddress table) {
    const auto tasks = reader_.Dict(table, kMaxTasks);
    if (!tasks) return;
    for (const auto& [loop, task] : tasks->first) {
      if (Offer(Examine(task))) continue;
      // Of asyncio.tasks._PyTask, the class in Python that nest_asyncio uses.
      Offer(ExamineAttributes(task, {.name = "_name", .coroutine = "_coro"}));
    }
  }

  /// Trio's loop, the generator unrolled_run of trio/_core/_run.py, calls the task that it runs `task`.
  void LookIntoTrio(std::span<const CodeCache::Pointer> code) {
    for (std::size_t i = 0; i < code.size(); ++i) {
      if (!EndsWith(code[i]->name, kTrioLoop) || !EndsWith(code[i]->filename, kTrioFile)) continue;
      if (const auto task = FindLocal(reader_, chain_.links[i], "task")) {
        Offer(ExamineAttributes(*task, {.name = "name", .coroutine = "coro"}));
      }
    }
  }

  std::optional<TaskName> Name() {
    if (!innermost_) return std::nullopt;
    auto name = TextOf(innermost_->name);
    const auto qualified_name = reader_.Pointer(innermost_->coroutine, layout().generator.qualified_name);
    auto coroutine = qualified_name ? TextOf(*qualified_name) : std::nullopt;
    if (!name || !coroutine) return std::nullopt;
    return TaskName{*std::move(name), *std::move(coroutine)};
  }

 private:
  [[nodiscard]] const Layout& layout() const { return reader_.layout(); }

  bool Offer(const std::optional<Candidate>& candidate) {
    if (candidate && (!innermost_ || candidate->depth < innermost_->depth)) innermost_ = candidate;
    return candidate.has_value();
  }

  struct AttributeNames {
    std::string_view name;
    std::string_view coroutine;
  };

  std::optional<Candidate> ExamineAttributes(RemoteAddress task, const AttributeNames& names) {
    Attributes attributes(reader_);
    const auto name = attributes.Find(task, names.name);
    const auto coroutine = attributes.Find(task, names.coroutine);
    const auto depth = coroutine ? DepthOf(*coroutine) : std::nullopt;
    if (!name || !depth) return std::nullopt;
    return Candidate{*depth, *name, *coroutine};
  }

  std::optional<Candidate> Examine(RemoteAddress task) {
    const auto name = reader_.Pointer(task, layout().task.name);
    const auto coroutine = reader_.Pointer(task, *layout().task.coroutine);
    const auto depth = coroutine ? DepthOf(*coroutine) : std::nullopt;
    if (!name || !depth) return std::nullopt;
    return Candidate{*depth, *name, *coroutine};
  }

  /// Where the outermost frame of `coroutine` lies; nothing if it is not on the stack, or that is no coroutine.
  std::optional<std::size_t> DepthOf(RemoteAddress coroutine) {
    RemoteAddress frame = coroutine + layout().generator.frame;
    if (layout().frame_form == FrameForm::kObject) {
      frame = reader_.Pointer(coroutine, layout().generator.frame).value_or(RemoteAddress());
    }
    const auto link = std::ranges::find(chain_.links, frame, &FrameChain::Link::frame);
    if (link == chain_.links.end()) return std::nullopt;
    return static_cast<std::size_t>(link - chain_.links.begin());
  }

  /// A string, or the number of a task that nobody has named (Modules/_asynciomodule.c, task_get_name).
  std::optional<std::string> TextOf(RemoteAddress object) {
    const auto type = reader_.Type(object);
    if (!type) return std::nullopt;
    if (type->kind == ObjectKind::kText) {
      auto text = reader_.Text(object, kMaxNameCharacters);
      return text ? std::optional(std::move(text->beginning)) : std::nullopt;
    }
    if (type->kind != ObjectKind::kInteger) return std::nullopt;
    const auto number = reader_.ReadInteger(object, 1);
    if (!number || number->negative || number->digits.size() != 1) return std::nullopt;
    return "Task-" + std::to_string(number->digits.front());
  }

  ObjectReader& reader_;
  const FrameChain& chain_;
  std::optional<Candidate> innermost_;
};

}  // namespace

void RunningTasks::Find(const Layout& layout, const attach::MemoryReader& memory, RemoteAddress runtime) {
  if (!layout.task.coroutine) return;
  if (interpreters_.size() > kMaxInterpreters) interpreters_.clear();  // They come and go.
  auto address = memory.ReadValue<RemoteAddress>(runtime + layout.runtime.interpreters_head);
  for (std::size_t i = 0; i < kMaxInterpreters && address && !address->is_null(); ++i) {
    Interpreter& interpreter = interpreters_[*address];
    if (interpreter.table.is_null()) {
      const auto modules = memory.ReadValue<RemoteAddress>(*address + layout.interpreter.modules);
      const auto count = modules ? memory.ReadValue<std::uint64_t>(*modules + layout.objects.dict.used) : std::nullopt;
      if (count && *count != interpreter.modules_seen) {
        interpreter.table = FindTable(layout, memory, *modules).value_or(RemoteAddress());
        interpreter.modules_seen = *count;
      }
    }
    address = memory.ReadValue<RemoteAddress>(*address + layout.interpreter.next);
  }
}

std::optional<TaskName> RunningTasks::Of(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set,
                                         const FrameChain& chain, std::span<const CodeCache::Pointer> code) const {
  ObjectMemory objects(memory, set);
  ObjectReader reader(layout, objects);
  for (;;) {
    const std::size_t misses = objects.misses();
    TaskSearch search(reader, chain);
    search.LookIntoTrio(code);
    for (const auto& [address, interpreter] : interpreters_) {
      if (!interpreter.table.is_null()) search.LookInto(interpreter.table);
    }
    auto name = search.Name();
    if (objects.misses() == misses) return name;
    if (!objects.Fetch()) return std::nullopt;
  }
}

}  // namespace pyleak::symbolize::python
