#pragma once

#include <string>

#include "attach/base/remote_address.h"
#include "attach/base/result.h"
#include "attach/base/unique_fd.h"
#include "attach/proc/process_identity.h"

namespace pyleak::attach {

/// Opens `path` for reading if it is a regular file. Nothing else is opened even for a moment: to open a FIFO can wait
/// for ever, and to open a device can have effects.
Result<UniqueFd> OpenRegularFile(const std::string& path);

/// Regular files as the target sees them: in its mount namespace and below its root directory.
class TargetFiles {
 public:
  explicit TargetFiles(const ProcessIdentity& process) : pid_(process.pid()) {}

  /// `path` as the target would have to name it; a relative one starts at its working directory. Symbolic links and
  /// ".." cannot lead out of the target's root (openat2(2) RESOLVE_IN_ROOT, Linux 5.6; an Error before that), nor into
  /// /proc, /sys and the like.
  [[nodiscard]] Result<UniqueFd> Open(const std::string& path) const;
  /// The same, of what the target itself may open: for text that is shown, since the target chooses the path and pyleak
  /// may have more rights. Where pyleak cannot take on the target's rights, only what everybody may read.
  [[nodiscard]] Result<UniqueFd> OpenByItsRights(const std::string& path) const;

  /// The very file behind a mapping, also where it has been deleted, replaced, or lies in another mount namespace.
  /// `range` is one whole line of /proc/PID/maps. Needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN (proc(5), map_files).
  [[nodiscard]] Result<UniqueFd> OpenMapped(AddressRange range) const;

 private:
  /// The target's root directory, and the path from there.
  struct Place {
    UniqueFd root;
    std::string path;
  };
  [[nodiscard]] Result<Place> Find(const std::string& path) const;
  [[nodiscard]] Result<std::string> WorkingDirectory() const;

  int pid_;
};

}  // namespace pyleak::attach
