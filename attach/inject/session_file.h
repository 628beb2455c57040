#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"

namespace pyleak::attach {

/// Directories in which a session's files may lie, the best first: in memory before on disk, where a write to a shared
/// mapping can wait for the disk, and with it the loop that writes. Only such in which nobody else (but root) can
/// replace a file of ours, and whose names LD_PRELOAD can hold.
std::vector<std::string> SessionDirectories();

/// Whether a process other than this one maps the file, or was started with its path in the environment, so that a
/// program that it starts may open the file by that path. Of processes that we may not look into those count that are
/// of this user and younger than the file. False where there is no such file.
bool AnyProcessUses(const std::string& path);

/// Removes the files of that prefix in `directory` which no pyleak owns and no process uses: a pyleak that was killed
/// could not. Only regular files of this user.
void RemoveLeftovers(const std::string& directory, std::string_view prefix);

/// A file that the processes of a session open by its path. It is ours as long as this lives, which a lock on the file
/// says (flock(2)): released by the kernel however we end, and true in every pid namespace. Destruction removes it.
class SessionFile {
 public:
  /// An empty file PREFIXxxxxxx of mode 0600, open for reading and writing.
  static Result<SessionFile> Create(const std::string& directory, std::string_view prefix);

  SessionFile(SessionFile&& other) noexcept : path_(std::exchange(other.path_, {})), file_(std::move(other.file_)) {}
  SessionFile& operator=(SessionFile&&) = delete;
  ~SessionFile();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const UniqueFd& file() const { return file_; }
  /// Destruction leaves the file where it is, for a later RemoveLeftovers.
  void Abandon() { path_.clear(); }

 private:
  SessionFile(std::string path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  UniqueFd file_;
};

}  // namespace pyleak::attach
