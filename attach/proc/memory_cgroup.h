#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pyleak::attach {

/// The folder of a process's memory cgroup, from the texts of its /proc/PID/cgroup and of our own /proc/self/mountinfo
/// (cgroups(7)). std::nullopt: no memory controller is mounted where we can see it.
struct MemoryCgroup {
  std::string mount_point;
  std::string path;  ///< Below the mount point; empty is the mount point itself.
  bool unified = false;
};
std::optional<MemoryCgroup> FindMemoryCgroup(std::string_view cgroups, std::string_view mounts);

/// Bytes that a process may still take before the kernel ends one of its cgroup for it, page cache that the kernel can
/// drop counted as free. std::nullopt: no limit, or none that can be seen.
std::optional<std::uint64_t> ReadMemoryHeadroom(int pid);

}  // namespace pyleak::attach
