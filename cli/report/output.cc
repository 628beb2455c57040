#include "cli/report/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <climits>

namespace pyleak::cli {
namespace {

constexpr std::chrono::milliseconds kPatience{1000};

Result<UniqueFd> OpenDescriptor(int number) {
  const int flags = ::fcntl(number, F_GETFL);
  if (flags < 0) return ErrnoError("descriptor " + std::to_string(number));
  if ((flags & O_ACCMODE) == O_RDONLY) {
    return Error{ErrorCode::kInvalidArgument, "descriptor " + std::to_string(number) + " is open for reading only"};
  }
  // The standard ones stay open, for us and for the programs that we start.
  UniqueFd fd(number > STDERR_FILENO ? number : ::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!fd || ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) < 0) return ErrnoError("descriptor " + std::to_string(number));
  return fd;
}

Result<UniqueFd> OpenByName(const std::string& name) {
  if (name == "-") return OpenDescriptor(STDOUT_FILENO);
  if (name.starts_with("fd:")) {
    int number = -1;
    const char* const end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + 3, end, number);
    if (error != std::errc() || rest != end || number < 0) {
      return Error{ErrorCode::kInvalidArgument, "\"" + name + "\" is not fd: and the number of a descriptor"};
    }
    return OpenDescriptor(number);
  }
  // O_APPEND: nobody who writes to the same file loses a line to us. O_NONBLOCK: a FIFO that nobody reads would hold us
  // here, where no signal ends us.
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  UniqueFd fd(::open(name.c_str(), kFlags, 0666));
  if (!fd && errno == ENXIO) return Error{ErrorCode::kSystem, name + ": nobody has it open for reading"};
  if (!fd) return ErrnoError(name);
  return fd;
}

}  // namespace

Result<Output> Output::Open(const std::string& name) {
  auto fd = OpenByName(name);
  if (!fd) return std::move(fd).error().While("opening the output");
  return Output(*std::move(fd), name);
}

Output::Output(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) return;
  if (S_ISREG(status.st_mode)) kind_ = Kind::kFile;
  if (S_ISFIFO(status.st_mode)) kind_ = Kind::kPipe;
}

void Output::Write(std::string_view record) {
  rest_.erase(0, WriteAsMuchAsPossible(rest_));
  const std::size_t written = rest_.empty() ? WriteAsMuchAsPossible(record) : 0;
  if (written == record.size()) return;
  if (written == 0 || TakeBack(written)) {
    ++dropped_;
  } else {
    rest_ = record.substr(written);
  }
}

std::size_t Output::WriteAsMuchAsPossible(std::string_view text) {
  std::size_t written = 0;
  while (written < text.size() && !reader_gone_ && WaitUntilWritable()) {
    // A pipe that poll calls writable has room for PIPE_BUF bytes at least; more could block us (pipe(7)).
    const std::size_t most = kind_ == Kind::kPipe ? PIPE_BUF : text.size();
    const ssize_t count = ::write(fd_.get(), text.data() + written, std::min(most, text.size() - written));
    if (count >= 0) {
      written += static_cast<std::size_t>(count);
    } else if (errno == EPIPE) {
      reader_gone_ = true;
    } else if (errno != EINTR && errno != EAGAIN) {
      Fail(errno);
      break;
    }
  }
  return written;
}

bool Output::WaitUntilWritable() {
  const auto deadline = std::chrono::steady_clock::now() + (reader_stalls_ ? kPatience * 0 : kPatience);
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{fd_.get(), POLLOUT, 0};
    const int ready = ::poll(&waiting, 1, std::max(0, static_cast<int>(left.count())));
    if (ready < 0 && errno == EINTR) continue;
    reader_stalls_ = ready == 0;
    if (reader_stalls_) Fail(EAGAIN);
    return ready > 0;
  }
}

bool Output::TakeBack(std::size_t written_bytes) {
  if (kind_ != Kind::kFile) return false;
  const off_t end = ::lseek(fd_.get(), 0, SEEK_CUR);
  struct stat status {};
  // Only what is still the end of the file: somebody else may have written behind it.
  if (end < 0 || ::fstat(fd_.get(), &status) != 0 || status.st_size != end) return false;
  const off_t begin = end - static_cast<off_t>(written_bytes);
  return ::ftruncate(fd_.get(), begin) == 0 && ::lseek(fd_.get(), begin, SEEK_SET) == begin;
}

void Output::Fail(int error_number) {
  if (failed_before_) return;
  failed_before_ = true;
  failure_ = error_number == EAGAIN
                 ? Error{ErrorCode::kTimedOut, name_ + ": nobody reads it; events are dropped until somebody does"}
                 : ErrnoError(name_, error_number);
}

bool Output::ReaderHasGone() const {
  pollfd asked{fd_.get(), 0, 0};
  return reader_gone_ || (::poll(&asked, 1, 0) > 0 && (asked.revents & (POLLERR | POLLHUP)) != 0);
}

bool Output::is_terminal() const { return ::isatty(fd_.get()) == 1; }

std::optional<Error> Output::TakeFailure() { return std::exchange(failure_, std::nullopt); }

}  // namespace pyleak::cli
