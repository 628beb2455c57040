#include "tests/support/stack_copy.h"

#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "attach/proc/stat.h"

namespace pyleak::testing_support {
namespace {

constexpr std::size_t kMaxStackBytes = std::size_t{1} << 20;
constexpr std::uint64_t kRedZoneBytes = 128;

[[noreturn]] void Fail(const char* where) {
  std::perror(where);
  std::abort();
}

attach::Registers ReadRegisters(int tid) {
  user_regs_struct r{};
  if (::ptrace(PTRACE_GETREGS, tid, 0, &r) != 0) Fail(__func__);
  attach::Registers registers;
  registers.by_dwarf_number = {r.rax, r.rdx, r.rcx, r.rbx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8,
                               r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rip};
  registers.thread_pointer = RemoteAddress(r.fs_base);
  return registers;
}

}  // namespace

attach::StackSnapshot CopyStack(int tid, const attach::MemoryReader& memory) {
  if (::ptrace(PTRACE_SEIZE, tid, 0, 0) != 0 || ::ptrace(PTRACE_INTERRUPT, tid, 0, 0) != 0) Fail(__func__);
  int status = 0;
  if (::waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status)) Fail(__func__);
  const attach::Registers registers = ReadRegisters(tid);
  const RemoteAddress base = registers.stack_pointer() - kRedZoneBytes;
  std::vector<std::byte> bytes(kMaxStackBytes);
  bytes.resize(memory.Read(base, bytes));
  if (::ptrace(PTRACE_DETACH, tid, 0, 0) != 0) Fail(__func__);
  const bool truncated = bytes.size() == kMaxStackBytes;
  return {registers, base, std::move(bytes), truncated};
}

void WaitUntilAsleep(int tid) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    const auto stat = attach::ReadStat(tid);
    if (stat && stat->state == 'S') return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  Fail(__func__);
}

}  // namespace pyleak::testing_support
