#include "attach/inject/session_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "attach/agent/protocol.h"
#include "attach/base/file.h"
#include "attach/proc/process_list.h"

namespace pyleak::attach {
namespace {

/// Room for the file's own name within what the agent keeps of a path.
constexpr std::size_t kLongestDirectory = PYLEAK_ARENA_PATH_BYTES - 40;

bool Lock(const UniqueFd& file) { return ::flock(file.get(), LOCK_EX | LOCK_NB) == 0; }

/// LD_PRELOAD is split at white space and colons, and expands "$".
bool CanBeNamed(const std::string& directory) {
  return directory.size() <= kLongestDirectory && directory.find_first_of(" \t\n\v\f\r:$") == std::string::npos;
}

/// Root may do everything anyway; others must not be able to rename or remove a file of ours.
bool IsSafe(const std::string& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  const bool others_write = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  return others_write ? (status.st_mode & S_ISVTX) != 0 : status.st_uid == ::geteuid();
}

bool IsInMemory(const std::string& directory) {
  struct statfs status {};
  return ::statfs(directory.c_str(), &status) == 0 && status.f_type == TMPFS_MAGIC;
}

bool Contains(const std::string& file, const std::string& text) {
  const auto content = ReadTextFile(file);
  return content.ok() && content->find(text) != std::string::npos;
}

bool IsOwnFile(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == ::geteuid();
}

void RemoveIfLeftOver(const std::string& path) {
  if (!IsOwnFile(path)) return;
  const auto file = OpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (file && Lock(*file) && !AnyProcessUses(path)) ::unlink(path.c_str());
}

}  // namespace

std::vector<std::string> SessionDirectories() {
  std::vector<std::string> directories;
  const std::initializer_list<const char*> names = {std::getenv("XDG_RUNTIME_DIR"), std::getenv("TMPDIR"), "/dev/shm",
                                                    "/tmp", "/var/tmp"};
  for (const char* name : names) {
    if (name == nullptr || *name != '/') continue;
    std::error_code missing;
    // Without symbolic links, as /proc/PID/maps will show it.
    const std::string directory = std::filesystem::canonical(name, missing);
    if (!missing && CanBeNamed(directory) && IsSafe(directory)) directories.push_back(directory);
  }
  std::stable_partition(directories.begin(), directories.end(), IsInMemory);
  return directories;
}

bool AnyProcessUses(const std::string& path) {
  const auto processes = ListProcesses();
  return std::any_of(processes.begin(), processes.end(), [&path](int pid) {
    const std::string folder = "/proc/" + std::to_string(pid);
    return pid != ::getpid() && (Contains(folder + "/environ", path) || Contains(folder + "/maps", path));
  });
}

void RemoveLeftovers(const std::string& directory, std::string_view prefix) {
  std::error_code gone;
  for (std::filesystem::directory_iterator entry(directory, gone), end; !gone && entry != end; entry.increment(gone)) {
    if (entry->path().filename().string().starts_with(prefix)) RemoveIfLeftOver(entry->path());
  }
}

Result<SessionFile> SessionFile::Create(const std::string& directory, std::string_view prefix) {
  // Another pyleak that looks for leftovers may take the file away before we have locked it: then once more.
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::string path = directory + "/" + std::string(prefix) + "XXXXXX";
    UniqueFd file(::mkostemp(path.data(), O_CLOEXEC));
    if (!file) return ErrnoError("creating a file in " + directory);
    struct stat status {};
    if (Lock(file) && ::fstat(file.get(), &status) == 0 && status.st_nlink == 1) {
      return SessionFile(std::move(path), std::move(file));
    }
    ::unlink(path.c_str());
  }
  return Error{ErrorCode::kSystem, "files in " + directory + " are taken away while they are created"};
}

SessionFile::~SessionFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace pyleak::attach
