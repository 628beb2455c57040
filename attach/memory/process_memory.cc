#include "attach/memory/process_memory.h"

#include <fcntl.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string>

#include "attach/base/file.h"
#include "attach/proc/living_thread.h"

namespace pyleak::attach {
namespace {

/// process_vm_readv takes a foreign address as a pointer; this is the one place that makes such a pointer.
void* AsForeignPointer(RemoteAddress address) { return reinterpret_cast<void*>(address.value()); }

/// UIO_MAXIOV in include/uapi/linux/uio.h.
constexpr std::size_t kMaxVectors = 1024;

}  // namespace

Result<ProcessMemory> ProcessMemory::Open(const ProcessIdentity& process) {
  const std::string path = SharedProcPath(process.pid(), "mem");
  auto mem = OpenFile(path, O_RDWR);
  const bool writable = mem.ok();
  // The file is its owner's to write; whoever has CAP_SYS_PTRACE but not CAP_DAC_OVERRIDE may write the memory only.
  if (!writable && mem.error().code == ErrorCode::kNotPermitted) mem = OpenFile(path, O_RDONLY);
  if (!mem) return std::move(mem).error();
  // Between looking up the pid and opening its memory the pid may have been given to somebody else.
  if (!process.StillRuns()) return Error{ErrorCode::kNoSuchProcess, "the process has ended"};
  return ProcessMemory(process.pid(), *std::move(mem), writable);
}

std::size_t ProcessMemory::Read(RemoteAddress from, std::span<std::byte> into) const {
  if (into.empty()) return 0;
  const iovec local{into.data(), into.size()};
  const iovec remote{AsForeignPointer(from), into.size()};
  ssize_t count = ::process_vm_readv(pid_, &local, 1, &remote, 1, 0);
  if (count < 0 && errno != EFAULT) {
    count = ::pread(mem_.get(), into.data(), into.size(), static_cast<off_t>(from.value()));
  }
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

bool ProcessMemory::ReadAll(std::span<const Request> requests) const {
  while (!requests.empty()) {
    std::array<iovec, kMaxVectors> local;
    std::array<iovec, kMaxVectors> remote;
    const std::size_t batch = std::min(requests.size(), kMaxVectors);
    std::size_t wanted = 0;
    for (std::size_t i = 0; i < batch; ++i) {
      local[i] = {requests[i].into.data(), requests[i].into.size()};
      remote[i] = {AsForeignPointer(requests[i].from), requests[i].into.size()};
      wanted += requests[i].into.size();
    }
    const ssize_t count = ::process_vm_readv(pid_, local.data(), batch, remote.data(), batch, 0);
    if (count < 0 && errno != EFAULT) {
      if (!MemoryReader::ReadAll(requests.first(batch))) return false;
    } else if (count < 0 || static_cast<std::size_t>(count) != wanted) {
      return false;
    }
    requests = requests.subspan(batch);
  }
  return true;
}

bool ProcessMemory::IsSameProgram(RemoteAddress mapped) const {
  // The file keeps to the address space it was opened for, and reads nothing when that has gone (fs/proc/base.c,
  // mem_rw).
  std::byte byte;
  return ::pread(mem_.get(), &byte, 1, static_cast<off_t>(mapped.value())) == 1;
}

Result<void> ProcessMemory::Write(RemoteAddress to, std::span<const std::byte> bytes) const {
  ssize_t count = 0;
  if (writable_) {
    count = ::pwrite(mem_.get(), bytes.data(), bytes.size(), static_cast<off_t>(to.value()));
  } else {
    // An iovec has no constant pointer, and nothing is written through this one.
    const iovec local{const_cast<std::byte*>(bytes.data()), bytes.size()};  // NOLINT: as above
    const iovec remote{AsForeignPointer(to), bytes.size()};
    count = ::process_vm_writev(pid_, &local, 1, &remote, 1, 0);
  }
  if (count < 0) return ErrnoError("writing the target's memory");
  if (static_cast<std::size_t>(count) != bytes.size()) {
    return Error{ErrorCode::kCorrupt, "writing the target's memory: the mapping ends too early"};
  }
  return {};
}

}  // namespace pyleak::attach
