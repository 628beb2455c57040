#pragma once

#include <optional>
#include <span>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"

namespace pyleak::cli {

/// Takes signals that are sent to pyleak and keeps them to be read, instead of letting them have their effect. To be
/// opened before other threads are started, for they take over the signal mask.
class SignalInbox {
 public:
  static Result<SignalInbox> Open(std::span<const int> signals);

  /// Readable when a signal has come.
  [[nodiscard]] int fd() const { return signals_.get(); }
  /// The next signal that has come, if any.
  [[nodiscard]] std::optional<int> Take() const;

 private:
  explicit SignalInbox(UniqueFd signals) : signals_(std::move(signals)) {}

  UniqueFd signals_;
};

}  // namespace pyleak::cli
