#include "attach/proc/attachable.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "attach/base/file.h"
#include "attach/proc/living_thread.h"
#include "attach/proc/stat.h"

namespace pyleak::attach {
namespace {

/// The class of the running program's ELF file (elf(5)); the kernel opens /proc/PID/exe for whoever may trace.
Result<void> CheckProgram(int pid) {
  auto program = OpenFile(SharedProcPath(pid, "exe"), O_RDONLY);
  if (!program) return std::move(program).error().While("looking at the program");
  std::array<unsigned char, EI_NIDENT + 4> header{};
  if (::pread(program->get(), header.data(), header.size(), 0) != static_cast<ssize_t>(header.size())) {
    return Error{ErrorCode::kCorrupt, "the program's file is no ELF file"};
  }
  std::uint16_t machine = 0;
  std::memcpy(&machine, header.data() + EI_NIDENT + 2, sizeof machine);
  if (std::memcmp(header.data(), ELFMAG, SELFMAG) != 0 || header[EI_CLASS] != ELFCLASS64 || machine != EM_X86_64) {
    return Error{ErrorCode::kWrongArchitecture, "the program is not a 64-bit x86 one"};
  }
  return {};
}

}  // namespace

Result<ProcessIdentity> OpenAttachable(int pid) {
  if (pid == ::getpid()) return Error{ErrorCode::kInvalidArgument, "that is pyleak itself"};
  auto identity = ProcessIdentity::Open(pid);
  if (!identity) return identity;
  auto stat = ReadStat(pid);
  if (!stat) return UnlessEnded(std::move(stat).error(), *identity);
  if (stat->is_kernel_thread()) return Error{ErrorCode::kKernelThread, "it is a kernel thread"};
  // Not what has just been read: an exec from another thread hands the pid on to that one.
  const auto living = ReadStat(pid, LivingThread(pid));
  if (living.ok() && (living->state == 'Z' || living->state == 'X')) {
    return Error{ErrorCode::kZombie, "it has ended already and waits for its parent to ask for its exit status"};
  }
  auto program = CheckProgram(pid);
  if (!program) return UnlessEnded(std::move(program).error(), *identity);
  return identity;
}

Error UnlessEnded(Error error, const ProcessIdentity& process) {
  const auto stat = ReadStat(process.pid(), LivingThread(process.pid()));
  if (process.StillRuns() && stat && !stat->is_exiting()) return error;
  return {ErrorCode::kNoSuchProcess, "the process has ended, or is about to"};
}

}  // namespace pyleak::attach
