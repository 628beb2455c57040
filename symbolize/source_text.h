#pragma once

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
  explicit SourceText(const attach::ProcessIdentity& process) : files_(process) {}

  /// The line, counted from 1, without indentation and line end; its bytes are the target's. A relative name starts at
  /// the target's working directory. Nothing if there is no such regular file or line, or the file is larger than
  /// source code is.
  [[nodiscard]] std::optional<std::string> Line(const std::string& filename, int lineno);

 private:
  const std::string& Read(const std::string& filename);

  attach::TargetFiles files_;
  std::map<std::string, std::string> cache_;  // an unreadable file is empty
  std::size_t cached_bytes_ = 0;
};

}  // namespace pyleak::symbolize
