#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attach/base/remote_address.h"
#include "attach/base/result.h"

namespace pyleak::attach {

/// One line of /proc/PID/maps.
struct Mapping {
  AddressRange range;
  bool readable = false;
  bool writable = false;
  bool executable = false;
  bool shared = false;
  std::uint64_t file_offset = 0;
  std::uint64_t inode = 0;  ///< 0: no file behind it.
  /// As the kernel prints it, newline escaped, relative to the reader's root: never open it as it stands (the target
  /// may live in another mount namespace). "[stack]", "[vdso]" and the like have no file; a deleted one ends in
  /// " (deleted)".
  std::string path;
};

/// The mappings of an address space, in order of address.
class MemoryMap {
 public:
  explicit MemoryMap(std::vector<Mapping> mappings) : mappings_(std::move(mappings)) {}

  /// Lines that are not as proc(5) describes them are left out.
  static MemoryMap Parse(std::string_view text);
  static Result<MemoryMap> Read(int pid);

  [[nodiscard]] const Mapping* Find(RemoteAddress address) const;
  [[nodiscard]] const std::vector<Mapping>& mappings() const { return mappings_; }

 private:
  std::vector<Mapping> mappings_;
};

}  // namespace pyleak::attach
