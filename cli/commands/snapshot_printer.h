#pragma once

#include "attach/base/result.h"
#include "cli/options.h"
#include "cli/report/event.h"
#include "cli/report/output.h"
#include "cli/report/text.h"

namespace pyleak::cli {

/// Prints what is so at one moment, for dump, list and doctor, in the format that was asked for.
class SnapshotPrinter {
 public:
  static Result<SnapshotPrinter> Open(const OutputOptions& options);

  void Print(const LoopSnapshot& loop);
  /// One line without the stack.
  void PrintLine(const LoopSnapshot& loop);
  void Print(const Check& check);
  /// Says what could not be written; the exit status.
  [[nodiscard]] int Finish();

 private:
  SnapshotPrinter(Output output, Format format, TextStyle style)
      : output_(std::move(output)), format_(format), style_(style) {}

  Output output_;
  Format format_;
  TextStyle style_;
};

}  // namespace pyleak::cli
