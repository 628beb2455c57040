#pragma once

#include "attach/base/result.h"
#include "attach/base/unique_fd.h"
#include "attach/memory/memory_reader.h"
#include "attach/proc/process_identity.h"

namespace pyleak::attach {

/// The memory of a live process. Reads with process_vm_readv, and with /proc/PID/mem where that is refused. To write
/// takes no right beyond that to read: where /proc/PID/mem may only be read, process_vm_writev writes.
/// The open /proc/PID/mem belongs to one address space: after an exec of the target it reads nothing more, which is
/// what protects us from interpreting a new program with the old one's addresses.
class ProcessMemory : public MemoryReader {
 public:
  static Result<ProcessMemory> Open(const ProcessIdentity& process);

  std::size_t Read(RemoteAddress from, std::span<std::byte> into) const override;
  [[nodiscard]] bool ReadAll(std::span<const Request> requests) const override;

  /// False once the process has ended or begun another program by exec. `mapped`: an address that the program as it was
  /// had mapped, and did not unmap.
  [[nodiscard]] bool IsSameProgram(RemoteAddress mapped) const;

  /// Writes where the target itself may write.
  Result<void> Write(RemoteAddress to, std::span<const std::byte> bytes) const;

  template <typename T>
  requires std::is_trivially_copyable_v<T> Result<void> WriteValue(RemoteAddress to, const T& value)
  const { return Write(to, std::as_bytes(std::span(&value, 1))); }

 private:
  ProcessMemory(int pid, UniqueFd mem, bool writable) : pid_(pid), mem_(std::move(mem)), writable_(writable) {}

  int pid_;
  UniqueFd mem_;
  bool writable_;  ///< mem_ is open for writing too.
};

}  // namespace pyleak::attach
