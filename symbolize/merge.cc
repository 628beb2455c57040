#include "symbolize/merge.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <ranges>
#include <span>
#include <string_view>

namespace pyleak::symbolize {
namespace {

using Frames = std::vector<Frame>;

/// The compiler may have split the evaluation loop, and named the parts after it: _PyEval_EvalFrameDefault.cold.
bool IsEvaluationLoop(const Frame& frame) {
  constexpr std::string_view kName = "_PyEval_EvalFrameDefault";
  if (!frame.name.starts_with(kName) || frame.inlined) return false;
  return frame.name.size() == kName.size() || frame.name[kName.size()] == '.';
}

/// Where the loop is made of functions that end in calls of each other (clang builds of 3.14), the one that runs just
/// now takes the place of the others.
bool IsTailCalledPart(const Frame& frame) { return frame.name.starts_with("_TAIL_CALL_") && !frame.inlined; }

/// Where in `native` there is a call of the evaluation loop.
std::vector<std::size_t> FindEvaluations(const Frames& native) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < native.size(); ++i) {
    const bool part_of_previous = IsTailCalledPart(native[i]) && i > 0 && IsEvaluationLoop(native[i - 1]);
    if (part_of_previous) {
      found.back() = i;
    } else if (IsEvaluationLoop(native[i]) || IsTailCalledPart(native[i])) {
      found.push_back(i);
    }
  }
  return found;
}

void Append(Frames& frames, std::span<const Frame> more) { frames.insert(frames.end(), more.begin(), more.end()); }

/// Code without a module is that of a JIT or a trampoline.
void AppendForeign(Frames& frames, std::span<const Frame> native, std::string_view interpreter_module) {
  std::copy_if(native.begin(), native.end(), std::back_inserter(frames), [interpreter_module](const Frame& frame) {
    return !frame.module.empty() && frame.module != interpreter_module;
  });
}

using Places = std::vector<std::size_t>;

/// The next frame further out than `from` on whose part of the stack `address` lies; 0: there is none, for the
/// outermost frame's part has no end that is known. An inlined function has no part of its own.
std::size_t FindFrameWith(RemoteAddress address, const Frames& native, std::size_t from) {
  for (std::size_t at = from; at-- > 1;) {
    if (native[at].stack_pointer <= address && address < native[at - 1].stack_pointer) return at;
  }
  return 0;
}

/// Of each evaluation the native frame that it is, outermost first: the one that has on its stack what the evaluation
/// keeps there. Nothing is left out but outermost ones, which an unwinder that got lost has not seen.
Places PlacesByAddress(const Frames& native, std::span<const Evaluation> evaluations) {
  Places places;
  std::size_t at = native.size();
  for (const Evaluation& evaluation : std::views::reverse(evaluations)) {
    at = evaluation.on_stack.is_null() ? 0 : FindFrameWith(evaluation.on_stack, native, at);
    if (at == 0) break;
    places.push_back(at);
  }
  std::ranges::reverse(places);
  return places;
}

/// True if the evaluation at `place` may be one that just begins or ends: nothing is below it but, at the most, the
/// interpreter's own check of the result (_Py_CheckFunctionResult and two more, in 3.8).
bool MayBeInPassing(const Frames& native, std::size_t place) {
  const auto below = std::ranges::subrange(native.begin() + static_cast<std::ptrdiff_t>(place) + 1, native.end());
  return std::ranges::count(below, false, &Frame::inlined) <= 3 &&
         std::ranges::all_of(below, [&](const Frame& frame) { return frame.module == native[place].module; });
}

/// The same by the names of functions.
Places PlacesByName(const Stack& native, std::size_t evaluations) {
  Places places = FindEvaluations(native.frames);
  if (places.size() == evaluations + 1 && MayBeInPassing(native.frames, places.back())) places.pop_back();
  const bool fits = native.complete ? places.size() == evaluations : places.size() <= evaluations;
  return fits ? places : Places();
}

/// Whether an evaluation is there that has begun and not ended.
bool RunsPython(const Frames& native) {
  const Places found = FindEvaluations(native);
  return found.size() > 1 || (found.size() == 1 && !MayBeInPassing(native, found.front()));
}

/// `places`: of the innermost evaluations.
Frames Interleave(std::span<const Frame> native, std::span<const std::size_t> places, const PythonStack& python) {
  Frames merged;
  std::span<const Frame> rest = python.stack.frames;
  const std::size_t without_place = python.evaluations.size() - places.size();
  for (std::size_t i = 0; i < python.evaluations.size(); ++i) {
    Append(merged, rest.first(python.evaluations[i].frames));
    rest = rest.subspan(python.evaluations[i].frames);
    if (i < without_place) continue;
    const std::size_t begin = places[i - without_place] + 1;
    if (i + 1 == python.evaluations.size()) {
      Append(merged, native.subspan(begin));
    } else {
      AppendForeign(merged, native.subspan(begin, places[i - without_place + 1] - begin), python.module);
    }
  }
  return merged;
}

/// The native frames that are surely called by the innermost Python frame, where evaluations are told by names.
std::span<const Frame> BelowPython(std::span<const Frame> native, std::span<const std::size_t> evaluations,
                                   std::string_view interpreter_module) {
  if (!evaluations.empty()) return native.subspan(evaluations.back() + 1);
  std::size_t begin = native.size();
  while (begin > 0 && native[begin - 1].module != interpreter_module) --begin;
  return native.subspan(begin);
}

}  // namespace

Stack Merge(const Stack& native, const PythonStack& python) {
  Stack merged;
  merged.notes = native.notes;
  merged.notes.insert(merged.notes.end(), python.stack.notes.begin(), python.stack.notes.end());
  if (python.stack.frames.empty()) {
    merged.complete = native.complete && python.stack.complete;
    merged.frames = native.frames;
    if (merged.complete && RunsPython(native.frames)) {
      merged.complete = false;
      merged.notes.emplace_back("it runs Python code, but at this moment the interpreter has no frame of it");
    }
    return merged;
  }
  merged.complete = python.stack.complete;
  Places places = PlacesByAddress(native.frames, python.evaluations);
  if (places.empty()) places = PlacesByName(native, python.evaluations.size());
  if (!places.empty()) {
    merged.frames = Interleave(native.frames, places, python);
    return merged;
  }
  const Places found = FindEvaluations(native.frames);
  merged.frames = python.stack.frames;
  Append(merged.frames, BelowPython(native.frames, found, python.module));
  merged.notes.push_back("the Python frames (" + std::to_string(python.evaluations.size()) +
                         " runs of the interpreter) and the native ones (" + std::to_string(found.size()) +
                         ") do not match; native frames between Python frames are left out");
  return merged;
}

}  // namespace pyleak::symbolize
