#include "symbolize/python/locals.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "symbolize/python/load.h"
#include "symbolize/python/object_memory.h"
#include "symbolize/python/object_reader.h"
#include "symbolize/python/object_text.h"

namespace pyleak::symbolize::python {
namespace {

constexpr std::size_t kMaxFrames = 32;
constexpr std::size_t kMaxVariables = 50;
constexpr std::size_t kMaxNameCharacters = 100;
constexpr std::size_t kMaxClassNames = 20;

/// CO_OPTIMIZED: Include/cpython/code.h. The code keeps its variables in the frame, not in a mapping.
constexpr std::uint32_t kOptimized = 1;
/// CO_FAST_CELL and CO_FAST_FREE: Include/internal/pycore_code.h.
constexpr std::uint8_t kCell = 0x40;
constexpr std::uint8_t kFree = 0x80;
/// Lowest bits of a reference in a frame, which 3.14 uses for marks: pycore_stackref.h.
constexpr std::uint64_t kTagBits = 7;

/// A variable that has a value.
struct Slot {
  RemoteAddress name;
  RemoteAddress value;
};

/// What a frame's code calls its variables, in the order in which the frame has them.
struct Names {
  std::vector<RemoteAddress> names;
  std::vector<std::uint8_t> kinds;
};

/// The variables of one frame. Asked again and again until all that it wants is there.
class FrameVariables {
 public:
  FrameVariables(const FrameChain::Link& frame, ObjectMemory& memory) : frame_(frame), memory_(memory) {}

  void Read(ObjectReader& reader, const Redaction& redaction) {
    if (!slots_) {
      const std::size_t misses = memory_.misses();
      auto slots = FindSlots(reader);
      if (memory_.misses() != misses) return;
      slots_ = std::move(slots);
      variables_.resize(slots_->size());
      done_.resize(slots_->size());
    }
    for (std::size_t i = 0; i < slots_->size(); ++i) {
      if (done_[i]) continue;
      const std::size_t misses = memory_.misses();
      variables_[i] = Show((*slots_)[i], reader, redaction);
      done_[i] = memory_.misses() == misses;
    }
  }

  [[nodiscard]] std::vector<Slot> FindSlots(ObjectReader& reader) const {
    const auto flags = FieldOf<std::uint32_t>(frame_.code, reader.layout().objects.code.flags);
    if (!flags) return {};
    const bool optimized = (*flags & kOptimized) != 0;
    std::vector<Slot> slots = FastSlots(reader, optimized);
    if (!optimized) AddMapped(reader, slots);
    return slots;
  }

  std::vector<Variable> Take() && {
    std::erase_if(variables_, [](const Variable& variable) { return variable.name.empty(); });
    return std::move(variables_);
  }

 private:
  static Variable Show(const Slot& slot, ObjectReader& reader, const Redaction& redaction) {
    const auto name = reader.Text(slot.name, kMaxNameCharacters);
    // The compiler's own variables are called ".0" and the like.
    if (!name || name->beginning.empty() || name->beginning.front() == '.') return {};
    if (redaction.Hides(name->beginning)) return {name->beginning, std::string(kRedacted)};
    return {name->beginning, ObjectText(reader, redaction).Of(slot.value)};
  }

  /// Those that the frame itself has. Code that works in a mapping does not count what it only uses as its own.
  std::vector<Slot> FastSlots(ObjectReader& reader, bool with_free) const {
    const Names names = FindNames(reader);
    const std::size_t count = std::min(names.names.size(), kMaxVariables);
    const RemoteAddress begin = frame_.frame + reader.layout().objects.frame.localsplus;
    const auto values = memory_.View(begin, count * sizeof(std::uint64_t));
    std::vector<Slot> slots;
    for (std::size_t i = 0; i < count && !values.empty(); ++i) {
      if (!with_free && (names.kinds[i] & kFree) != 0) continue;
      RemoteAddress value(Load<std::uint64_t>(values, i * sizeof(std::uint64_t)) & ~kTagBits);
      if ((names.kinds[i] & (kCell | kFree)) != 0 && !value.is_null()) value = Content(reader, value);
      if (!value.is_null()) slots.push_back({names.names[i], value});
    }
    return slots;
  }

  /// Those of a class that is being made. A module's mapping is that of the global variables.
  void AddMapped(ObjectReader& reader, std::vector<Slot>& slots) const {
    const auto& layout = reader.layout().objects.frame;
    const auto locals = FieldOf<RemoteAddress>(frame_.frame, layout.locals);
    const auto globals = FieldOf<RemoteAddress>(frame_.frame, layout.globals);
    if (!locals || !globals || locals->is_null() || *locals == *globals) return;
    const auto type = reader.Type(*locals);
    if (!type || type->kind != ObjectKind::kDict) return;
    const auto entries = reader.Dict(*locals, kMaxClassNames);
    if (!entries) return;
    for (const auto& [name, value] : entries->first) slots.push_back({name, value});
  }

  /// Of a cell; an argument that is to be in one is itself there until the function begins.
  static RemoteAddress Content(ObjectReader& reader, RemoteAddress cell) {
    const auto type = reader.Type(cell);
    if (!type || type->kind != ObjectKind::kCell) return cell;
    return reader.Pointer(cell, reader.layout().objects.cell.value).value_or(RemoteAddress());
  }

  Names FindNames(ObjectReader& reader) const {
    const auto& layout = reader.layout().objects.code;
    Names names;
    AddNames(reader, layout.names, 0, names);
    if (reader.layout().frame_form != FrameForm::kObject) {
      const auto kinds = FieldOf<RemoteAddress>(frame_.code, layout.kinds);
      const auto bytes = kinds ? reader.Bytes(*kinds, names.names.size()) : std::nullopt;
      for (std::size_t i = 0; bytes && i < std::min(bytes->beginning.size(), names.names.size()); ++i) {
        names.kinds[i] = static_cast<std::uint8_t>(bytes->beginning[i]);
      }
      return names;
    }
    AddNames(reader, layout.cell_vars, kCell, names);
    AddNames(reader, layout.free_vars, kFree, names);
    return names;
  }

  void AddNames(ObjectReader& reader, std::uint64_t offset, std::uint8_t kind, Names& names) const {
    const auto tuple = FieldOf<RemoteAddress>(frame_.code, offset);
    const auto items = tuple ? reader.Tuple(*tuple, kMaxVariables) : std::nullopt;
    if (!items) return;
    names.names.insert(names.names.end(), items->first.begin(), items->first.end());
    names.kinds.resize(names.names.size(), kind);
  }

  template <typename T>
  std::optional<T> FieldOf(RemoteAddress structure, std::uint64_t offset) const {
    const auto bytes = memory_.View(structure + offset, sizeof(T));
    return bytes.empty() ? std::nullopt : std::optional(Load<T>(bytes, 0));
  }

  FrameChain::Link frame_;
  ObjectMemory& memory_;
  std::optional<std::vector<Slot>> slots_;
  std::vector<Variable> variables_;
  std::vector<bool> done_;
};

}  // namespace

std::optional<RemoteAddress> FindLocal(ObjectReader& reader, const FrameChain::Link& frame, std::string_view name) {
  if (reader.layout().objects.frame.localsplus == 0) return std::nullopt;
  for (const Slot& slot : FrameVariables(frame, reader.memory()).FindSlots(reader)) {
    const auto text = reader.Text(slot.name, kMaxNameCharacters);
    if (text && text->beginning == name) return slot.value;
  }
  return std::nullopt;
}

std::vector<std::vector<Variable>> ReadLocals(const Layout& layout, const attach::MemoryReader& memory, WorkingSet& set,
                                              std::span<const FrameChain::Link> frames, const Redaction& redaction) {
  std::vector<std::vector<Variable>> locals(frames.size());
  if (layout.objects.frame.localsplus == 0) return locals;
  ObjectMemory objects(memory, set);
  ObjectReader reader(layout, objects);
  std::vector<FrameVariables> reading;
  for (const FrameChain::Link& frame : frames.first(std::min(frames.size(), kMaxFrames))) {
    reading.emplace_back(frame, objects);
  }
  do {
    for (FrameVariables& frame : reading) frame.Read(reader, redaction);
  } while (objects.Fetch());
  for (std::size_t i = 0; i < reading.size(); ++i) locals[i] = std::move(reading[i]).Take();
  return locals;
}

}  // namespace pyleak::symbolize::python
