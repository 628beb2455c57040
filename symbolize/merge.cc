#include "symbolize/merge.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
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

Frames Interleave(std::span<const Frame> native, std::span<const std::size_t> evaluations, const PythonStack& python) {
  Frames merged;
  std::span<const Frame> rest = python.stack.frames;
  for (std::size_t i = 0; i < evaluations.size(); ++i) {
    Append(merged, rest.first(python.evaluations[i]));
    rest = rest.subspan(python.evaluations[i]);
    const std::size_t begin = evaluations[i] + 1;
    if (i + 1 == evaluations.size()) {
      Append(merged, native.subspan(begin));
    } else {
      AppendForeign(merged, native.subspan(begin, evaluations[i + 1] - begin), python.module);
    }
  }
  return merged;
}

/// The native frames that are surely called by the innermost Python frame.
std::span<const Frame> Innermost(std::span<const Frame> native, std::span<const std::size_t> evaluations,
                                 std::string_view interpreter_module) {
  if (!evaluations.empty()) return native.subspan(evaluations.back() + 1);
  std::size_t begin = native.size();
  while (begin > 0 && native[begin - 1].module != interpreter_module) --begin;
  return native.subspan(begin);
}

bool IsUsers(const Frame& frame) {
  return frame.language == Language::kPython || frame.language == Language::kJavaScript;
}

}  // namespace

Stack Merge(const Stack& native, const PythonStack& python) {
  Stack merged;
  merged.complete = native.complete && python.stack.complete;
  merged.notes = native.notes;
  merged.notes.insert(merged.notes.end(), python.stack.notes.begin(), python.stack.notes.end());
  if (python.stack.frames.empty()) {
    merged.frames = native.frames;
    return merged;
  }
  const std::vector<std::size_t> evaluations = FindEvaluations(native.frames);
  if (evaluations.size() == python.evaluations.size()) {
    merged.frames = Interleave(native.frames, evaluations, python);
    return merged;
  }
  merged.frames = python.stack.frames;
  Append(merged.frames, Innermost(native.frames, evaluations, python.module));
  merged.notes.push_back("the Python frames (" + std::to_string(python.evaluations.size()) +
                         " runs of the interpreter) and the native ones (" + std::to_string(evaluations.size()) +
                         ") do not match; native frames between Python frames are left out");
  return merged;
}

Stack UserView(const Stack& merged) {
  if (std::none_of(merged.frames.begin(), merged.frames.end(), IsUsers)) return merged;
  Stack view;
  view.complete = merged.complete;
  view.notes = merged.notes;
  std::copy_if(merged.frames.begin(), merged.frames.end(), std::back_inserter(view.frames), IsUsers);
  if (!IsUsers(merged.frames.back())) view.frames.push_back(merged.frames.back());
  return view;
}

}  // namespace pyleak::symbolize
