#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "attach/base/result.h"

namespace pyleak::attach {

/// By whose rights a process opens files (credentials(7)).
struct FileRights {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;

  bool operator==(const FileRights&) const = default;
};

/// Of the text of /proc/PID/status; nothing where that does not say.
std::optional<FileRights> ParseFileRights(std::string_view status);

/// As long as it lives the calling thread opens files by the rights of a process, without any capability to read what
/// that may not. Other threads are not concerned.
class BorrowedFileRights {
 public:
  /// kNotPermitted: it is another user's, and pyleak may not take on others' rights (CAP_SETUID, CAP_SETGID).
  static Result<BorrowedFileRights> Of(int pid);

  BorrowedFileRights(BorrowedFileRights&& other) noexcept : own_(std::exchange(other.own_, std::nullopt)) {}
  BorrowedFileRights& operator=(BorrowedFileRights&&) = delete;
  ~BorrowedFileRights();

 private:
  explicit BorrowedFileRights(std::optional<FileRights> own) : own_(std::move(own)) {}

  std::optional<FileRights> own_;  ///< To be put back.
};

}  // namespace pyleak::attach
