#include "cli/launch/child_program.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "attach/base/unique_fd.h"
#include "cli/exit_status.h"

namespace pyleak::cli {
namespace {

/// As a shell has them (POSIX, 2.8.2 Exit Status for Commands).
constexpr int kExitNotExecutable = 126;
constexpr int kExitNotFound = 127;
constexpr int kExitSignalBase = 128;

/// For execve(2): ends with a null pointer, and is valid as long as `strings`.
std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// The child's own part, between fork and exec: allocates nothing and takes no lock. An exec that fails says its errno
/// to `report`; one that succeeds closes it.
[[noreturn]] void Execute(char* const* arguments, char* const* environment, const sigset_t& signal_mask,
                          const struct sigaction& child_action, int report) {
  ::sigaction(SIGCHLD, &child_action, nullptr);
  ::sigprocmask(SIG_SETMASK, &signal_mask, nullptr);
  ::execvpe(arguments[0], arguments, environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t told = ::write(report, &error, sizeof error);
  ::_exit(kExitNotFound);
}

/// The errno of the failed exec; 0 once the program runs.
int ReadExecError(const UniqueFd& report) {
  int error = 0;
  ssize_t count = -1;
  do {
    count = ::read(report.get(), &error, sizeof error);
  } while (count < 0 && errno == EINTR);
  return count == sizeof error ? error : 0;
}

StartFailure OwnFailure(const char* doing) { return {kExitFailed, ErrnoError(doing).what, ""}; }

StartFailure ExecFailure(const std::string& program, int error) {
  const std::string what = "cannot run " + program + ": " + std::generic_category().message(error);
  if (error != ENOENT) return {kExitNotExecutable, what, ""};
  const bool searched = program.find('/') == std::string::npos;
  if (searched) return {kExitNotFound, what, "no folder in PATH holds it"};
  const bool exists = ::access(program.c_str(), F_OK) == 0;
  return {kExitNotFound, what, exists ? "the file is there, but not the interpreter or loader that it names" : ""};
}

}  // namespace

ChildProgram::Started ChildProgram::Start(const std::vector<std::string>& command,
                                          const std::vector<std::string>& environment, const sigset_t& signal_mask) {
  std::vector<std::string> arguments = command;
  std::vector<std::string> variables = environment;
  const std::vector<char*> argument_pointers = Pointers(arguments);
  const std::vector<char*> variable_pointers = Pointers(variables);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return OwnFailure("pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  // Where SIGCHLD is ignored, the kernel forgets how a child ended (sigaction(2)).
  struct sigaction standard {};
  struct sigaction inherited {};
  ::sigaction(SIGCHLD, &standard, &inherited);
  const pid_t pid = ::fork();
  if (pid < 0) return OwnFailure("fork");
  if (pid == 0) {
    Execute(argument_pointers.data(), variable_pointers.data(), signal_mask, inherited, writer.get());
  }
  auto process = attach::ProcessIdentity::Open(pid);
  writer.Reset();
  if (const int error = ReadExecError(reader)) {
    ::waitpid(pid, nullptr, 0);
    return ExecFailure(command[0], error);
  }
  if (!process) return StartFailure{kExitFailed, std::move(process).error().what, ""};
  return ChildProgram(*std::move(process));
}

std::optional<int> ChildProgram::TryWait() {
  if (status_) return status_;
  siginfo_t info{};
  // A stop that belongs to the tracer must not be taken from it, as waitpid(2) would.
  if (::waitid(P_PID, static_cast<id_t>(process_.pid()), &info, WEXITED | WNOHANG) != 0) return status_ = kExitFailed;
  if (info.si_pid == 0) return std::nullopt;
  end_ = info.si_code == CLD_EXITED ? attach::ProcessEnd{.exit_status = info.si_status}
                                    : attach::ProcessEnd{.signal = info.si_status};
  return status_ = end_->signal != 0 ? kExitSignalBase + end_->signal : end_->exit_status;
}

void ChildProgram::Send(int signal) const { ::syscall(SYS_pidfd_send_signal, process_.pidfd(), signal, nullptr, 0); }

}  // namespace pyleak::cli
