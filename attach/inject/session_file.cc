#include "attach/inject/session_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <optional>

#include "attach/agent/protocol.h"
#include "attach/base/file.h"
#include "attach/proc/living_thread.h"
#include "attach/proc/process_list.h"
#include "attach/proc/stat.h"

namespace pyleak::attach {
namespace {

/// Room for the file's own name within what the agent keeps of a path.
constexpr std::size_t kLongestDirectory = PYLEAK_ARENA_PATH_BYTES - 40;

bool Lock(const UniqueFd& file) { return ::flock(file.get(), LOCK_EX | LOCK_NB) == 0; }

/// LD_PRELOAD is split at white space and colons, and expands "$".
bool CanBeNamed(const std::string& directory) {
  return directory.size() <= kLongestDirectory && directory.find_first_of(" \t\n\v\f\r:$") == std::string::npos;
}

/// In a user namespace the host's root, whose most directories are, looks like everybody else who has no number there
/// (user_namespaces(7)).
bool IsUnmapped(uid_t owner) {
  const auto map = ReadTextFile("/proc/self/uid_map");
  const auto overflow = ReadTextFile("/proc/sys/kernel/overflowuid");
  const bool everybody_has_a_number = !map || map->ends_with(" 4294967295\n");
  return !everybody_has_a_number && overflow && *overflow == std::to_string(owner) + "\n";
}

/// Whether nobody can rename or remove a file of ours there but root, who may do everything anyway. The owner of a
/// directory can, sticky or not.
bool IsOursAlone(const std::string& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  const uid_t owner = status.st_uid;
  if (owner != 0 && owner != ::geteuid() && !IsUnmapped(owner)) return false;
  return (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (status.st_mode & S_ISVTX) != 0;
}

bool IsSafe(std::filesystem::path directory) {
  while (IsOursAlone(directory)) {
    if (directory == directory.root_path()) return true;
    directory = directory.parent_path();
  }
  return false;
}

bool IsInMemory(const std::string& directory) {
  struct statfs status {};
  return ::statfs(directory.c_str(), &status) == 0 && status.f_type == TMPFS_MAGIC;
}

bool Contains(const std::string& file, const std::string& text) {
  const auto content = ReadTextFile(file);
  return content.ok() && content->find(text) != std::string::npos;
}

/// Start times of processes are counted in ticks of 10 ms, times of files in those of the kernel (CONFIG_HZ).
constexpr double kClockErrorSeconds = 0.05;

template <typename Time>
double SecondsOf(const Time& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double Now(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return SecondsOf(now);
}

/// How long ago the file was made, or was changed last where the file system keeps no more; std::nullopt: there is
/// none.
std::optional<double> AgeOf(const std::string& path) {
  struct statx file {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BTIME | STATX_CTIME, &file) != 0) return std::nullopt;
  return Now(CLOCK_REALTIME) - SecondsOf((file.stx_mask & STATX_BTIME) != 0 ? file.stx_btime : file.stx_ctime);
}

/// Whether a process of ours hides what it was started with (it is not dumpable) and is younger than the file. It may
/// be one of those that were told of the file, whose name must not be free for others as long as it lives.
bool MayHaveBeenToldOf(double file_age, int pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  struct stat process {};
  if (::stat(folder.c_str(), &process) != 0 || process.st_uid != ::geteuid()) return false;
  const auto environment = OpenFile(folder + "/environ", O_RDONLY);
  if (environment || environment.error().code != ErrorCode::kNotPermitted) return false;
  const auto stat = ReadStat(pid);
  if (!stat) return false;
  const auto ticks_a_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const double process_age = Now(CLOCK_BOOTTIME) - static_cast<double>(stat->start_ticks) / ticks_a_second;
  return process_age <= file_age + kClockErrorSeconds;
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
  const auto file_age = AgeOf(path);
  if (!file_age) return false;
  const auto processes = ListProcesses();
  return std::any_of(processes.begin(), processes.end(), [&](int pid) {
    if (pid == ::getpid()) return false;
    return Contains(SharedProcPath(pid, "environ"), path) || Contains(SharedProcPath(pid, "maps"), path) ||
           MayHaveBeenToldOf(*file_age, pid);
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
