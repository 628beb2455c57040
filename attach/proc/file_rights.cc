#include "attach/proc/file_rights.h"

#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <string>

#include "attach/base/file.h"
#include "attach/proc/living_thread.h"

namespace pyleak::attach {
namespace {

/// The numbers of one line; `begin` is its begin, with the end of the line before it.
std::vector<std::uint32_t> NumbersOf(std::string_view text, std::string_view begin) {
  std::vector<std::uint32_t> numbers;
  const std::size_t line = text.find(begin);
  if (line == std::string_view::npos) return numbers;
  text.remove_prefix(line + begin.size());
  text = text.substr(0, text.find('\n'));
  for (std::size_t at = text.find_first_of("0123456789"); at != std::string_view::npos;
       at = text.find_first_of("0123456789", at)) {
    std::uint32_t number = 0;
    const auto parsed = std::from_chars(text.data() + at, text.data() + text.size(), number);
    if (parsed.ec != std::errc()) break;
    numbers.push_back(number);
    at = static_cast<std::size_t>(parsed.ptr - text.data());
  }
  return numbers;
}

Result<FileRights> ReadFileRights(const std::string& path) {
  const auto text = ReadTextFile(path);
  if (!text) return text.error();
  auto rights = ParseFileRights(*text);
  if (!rights) return Error{ErrorCode::kCorrupt, path + " does not say whose rights it has"};
  return *std::move(rights);
}

/// Of the calling thread alone, for which glibc has no function where groups are concerned. The user last, since it
/// takes the right to set the others along; and when they are put back, first.
bool TakeOn(const FileRights& rights, bool user_first) {
  constexpr auto kNoChange = static_cast<uid_t>(-1);
  if (user_first) ::setfsuid(rights.user);
  const bool has_groups = ::syscall(SYS_setgroups, rights.groups.size(), rights.groups.data()) == 0;
  ::setfsgid(rights.group);
  if (!user_first) ::setfsuid(rights.user);
  return has_groups && static_cast<gid_t>(::setfsgid(kNoChange)) == rights.group &&
         static_cast<uid_t>(::setfsuid(kNoChange)) == rights.user;
}

}  // namespace

std::optional<FileRights> ParseFileRights(std::string_view status) {
  // The real one, the effective, the saved, and the one for files.
  constexpr std::size_t kForFiles = 3;
  const auto users = NumbersOf(status, "\nUid:");
  const auto groups = NumbersOf(status, "\nGid:");
  if (users.size() <= kForFiles || groups.size() <= kForFiles) return std::nullopt;
  return FileRights{users[kForFiles], groups[kForFiles], NumbersOf(status, "\nGroups:")};
}

Result<BorrowedFileRights> BorrowedFileRights::Of(int pid) {
  const auto theirs = ReadFileRights(SharedProcPath(pid, "status"));
  if (!theirs) return theirs.error();
  auto own = ReadFileRights("/proc/thread-self/status");
  if (!own) return std::move(own).error();
  if (theirs->user == own->user) return BorrowedFileRights(std::nullopt);
  BorrowedFileRights borrowed(*own);
  if (TakeOn(*theirs, /*user_first=*/false)) return borrowed;
  return Error{ErrorCode::kNotPermitted,
               "another user's files are read by his own rights, which pyleak may not take on"};
}

BorrowedFileRights::~BorrowedFileRights() {
  if (own_) (void)TakeOn(*own_, /*user_first=*/true);
}

}  // namespace pyleak::attach
