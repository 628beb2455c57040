#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"

namespace pyleak::cli {

/// Where records go.
///
/// A record is written at once, and whole or not at all: what a full disk cut off is taken back from a file, and what a
/// full pipe did not take in time is written before anything else. A record that cannot be written is counted. A
/// reader that does not read holds us up for a second, once; SIGPIPE and SIGXFSZ must be ignored.
class Output {
 public:
  /// "-" is stdout, "fd:N" an open descriptor, which becomes ours when N > 2 and is not handed on to programs that we
  /// start; anything else a file, which is created, or emptied.
  static Result<Output> Open(const std::string& name);

  void Write(std::string_view record);

  /// Nobody will ever read what is written: the other end of the pipe or socket is closed.
  [[nodiscard]] bool ReaderHasGone() const;
  [[nodiscard]] bool is_terminal() const;
  /// Records that could not be written.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  /// The first failure to write, once. A reader that has gone is none.
  std::optional<Error> TakeFailure();

 private:
  enum class Kind { kFile, kPipe, kOther };

  Output(UniqueFd fd, std::string name);
  std::size_t WriteAsMuchAsPossible(std::string_view text);
  [[nodiscard]] bool WaitUntilWritable();
  [[nodiscard]] bool TakeBack(std::size_t written_bytes);
  void Fail(int error_number);

  UniqueFd fd_;
  std::string name_;
  Kind kind_ = Kind::kOther;
  std::string rest_;  ///< The end of a record of which the reader has the beginning.
  bool reader_stalls_ = false;
  bool reader_gone_ = false;
  bool failed_before_ = false;
  std::optional<Error> failure_;
  std::uint64_t dropped_ = 0;
};

}  // namespace pyleak::cli
