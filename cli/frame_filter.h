#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "attach/base/result.h"
#include "symbolize/stack.h"

namespace pyleak::cli {

/// What --caller and --ignore name: FILE[:NAME[:LINE]].
///
/// FILE is compared with as many of the last components of a frame's path as it has itself ("app.py" and "srv/app.py"
/// both mean /srv/app.py), or with the whole path when it begins with a slash; native frames have two paths, source
/// file and module, and either will do. NAME is compared with the function's whole name and with what follows a "."
/// or "::" in it. Both may be glob(7) patterns. An empty NAME is every name: "app.py::42".
class FrameFilter {
 public:
  /// kInvalidArgument: an empty FILE, or a LINE that is no positive number.
  static Result<FrameFilter> Parse(std::string_view text);

  [[nodiscard]] bool Matches(const symbolize::Frame& frame) const;

 private:
  std::string file_;
  std::string name_;
  std::optional<int> line_;
};

/// --caller: some frame of the stack matches.
bool HasCaller(const symbolize::Stack& stack, const FrameFilter& filter);

/// The frame of the user's own code that a block is blamed on: the innermost one of an interpreted language if there
/// is any, else the innermost native one outside of the C library and the dynamic linker. Null: none.
const symbolize::Frame* InnermostUserFrame(const symbolize::Stack& stack);

}  // namespace pyleak::cli
