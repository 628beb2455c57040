#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attach/proc/process_identity.h"
#include "attach/proc/target_files.h"

namespace pyleak::symbolize {

/// Lines of source files, read where the target would find them and kept for the next question. Shows the file as it is
/// now, which is not what runs if somebody has edited it since.
class SourceText {
 public:
  explicit SourceText(const attach::ProcessIdentity& process);

  /// The line, counted from 1, without indentation and line end, in UTF-8 if its file says what it is in. A relative
  /// name starts at the target's working directory. Nothing if there is no such regular file or line, or the file is
  /// larger than source code is.
  [[nodiscard]] std::optional<std::string> Line(const std::string& filename, int lineno);

  /// The file was written after the process had begun: its lines may be others than those that run. False where there
  /// is no such file.
  [[nodiscard]] bool IsNewerThanProcess(const std::string& filename);

 private:
  struct File {
    std::string text;  ///< Empty if it cannot be read.
    bool newer = false;
  };

  const File& Read(const std::string& filename);

  attach::TargetFiles files_;
  std::chrono::nanoseconds process_start_;  ///< CLOCK_REALTIME
  std::map<std::string, File> cache_;
  std::size_t cached_bytes_ = 0;
};

}  // namespace pyleak::symbolize
