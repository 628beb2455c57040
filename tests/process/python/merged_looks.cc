#include "tests/process/python/merged_looks.h"

#include "symbolize/merge.h"

namespace pyleak::tests {

MergedLooks::MergedLooks(PythonTarget& target)
    : target_(target),
      interpreter_(target.FindInterpreter()),
      source_(target.identity()),
      symbolizer_(target.identity(), target.modules(), source_),
      unwinder_(target.modules()) {}

symbolize::Stack MergedLooks::Look() {
  const auto raw = target_.Hold([&](const attach::FrozenThread& thread) {
    thread.CaptureStack(target_.memory(), buffer_);
    return interpreter_.Capture(target_.memory(), target_.tid(), thread.registers().thread_pointer);
  });
  const auto native = symbolizer_.Symbolize(unwinder_.Unwind(buffer_.Snapshot()));
  return symbolize::Merge(native, interpreter_.Resolve(raw, source_));
}

}  // namespace pyleak::tests
