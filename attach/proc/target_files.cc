#include "attach/proc/target_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>

#include "attach/base/file.h"
#include "attach/proc/file_rights.h"
#include "attach/proc/living_thread.h"

namespace pyleak::attach {
namespace {

/// What lies there is made by the kernel as it is read, for whoever reads it: a look at /proc/kmsg or at a trace takes
/// away what others wait for.
bool IsMadeByKernel(const UniqueFd& location) {
  struct statfs system {};
  if (::fstatfs(location.get(), &system) != 0) return true;
  constexpr std::array kKinds = {PROC_SUPER_MAGIC, SYSFS_MAGIC,        DEBUGFS_MAGIC,      TRACEFS_MAGIC,
                                 SECURITYFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC};
  return std::ranges::find(kKinds, system.f_type) != kKinds.end();
}

/// Reading access to what an O_PATH descriptor stands for, if that is a regular file.
Result<UniqueFd> ReopenRegular(const UniqueFd& location, const std::string& path) {
  struct stat status {};
  if (::fstat(location.get(), &status) != 0) return ErrnoError(path);
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::kCorrupt, path + ": not a regular file"};
  return OpenFile("/proc/self/fd/" + std::to_string(location.get()), O_RDONLY | O_NONBLOCK);
}

Result<UniqueFd> OpenBelow(const UniqueFd& root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const UniqueFd location(static_cast<int>(::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how)));
  if (!location) return ErrnoError(path);
  if (IsMadeByKernel(location)) return Error{ErrorCode::kCorrupt, path + ": not a file of the target's"};
  return ReopenRegular(location, path);
}

bool IsForEverybody(const UniqueFd& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 && (status.st_mode & S_IROTH) != 0;
}

}  // namespace

Result<UniqueFd> OpenRegularFile(const std::string& path) {
  auto location = OpenFile(path, O_PATH);
  if (!location) return std::move(location).error();
  return ReopenRegular(*location, path);
}

Result<TargetFiles::Place> TargetFiles::Find(const std::string& path) const {
  auto root = OpenFile(SharedProcPath(pid_, "root"), O_PATH | O_DIRECTORY);
  if (!root) return std::move(root).error();
  if (path.starts_with('/')) return Place{*std::move(root), path};
  auto directory = WorkingDirectory();
  if (!directory) return std::move(directory).error();
  return Place{*std::move(root), *directory + "/" + path};
}

Result<UniqueFd> TargetFiles::Open(const std::string& path) const {
  const auto place = Find(path);
  if (!place) return place.error();
  return OpenBelow(place->root, place->path);
}

Result<UniqueFd> TargetFiles::OpenByItsRights(const std::string& path) const {
  const auto place = Find(path);
  if (!place) return place.error();
  const auto rights = BorrowedFileRights::Of(pid_);
  auto file = OpenBelow(place->root, place->path);
  if (file.ok() && !rights && !IsForEverybody(*file)) return rights.error();
  return file;
}

Result<UniqueFd> TargetFiles::OpenMapped(AddressRange range) const {
  return OpenRegularFile(
      SharedProcPath(pid_, fmt::format("map_files/{:x}-{:x}", range.begin.value(), range.end.value())));
}

/// Both links are printed relative to our own root, so that the target's root has to be taken off its directory's name.
Result<std::string> TargetFiles::WorkingDirectory() const {
  auto root = ReadLink(SharedProcPath(pid_, "root"));
  auto directory = ReadLink(SharedProcPath(pid_, "cwd"));
  if (!root) return std::move(root).error();
  if (!directory) return std::move(directory).error();
  if (*root != "/" && directory->starts_with(*root)) directory->erase(0, root->size());
  return *std::move(directory);
}

}  // namespace pyleak::attach
