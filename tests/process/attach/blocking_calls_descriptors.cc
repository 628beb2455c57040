#include <fcntl.h>
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "tests/process/attach/blocking_calls.h"

namespace pyleak::test {
namespace {

using std::chrono::milliseconds;
using Make = BlockingCall::Make;

struct Pair {
  int mine = -1;
  int other = -1;
};

Pair SocketPair(int type = SOCK_STREAM) {
  std::array<int, 2> ends{};
  ::socketpair(AF_UNIX, type, 0, ends.data());
  return {ends[0], ends[1]};
}

Pair Pipe() {
  std::array<int, 2> ends{};
  ::pipe(ends.data());
  return {ends[0], ends[1]};
}

void SetTimeout(int socket, int option, milliseconds duration) {
  const timeval time{0, duration.count() * 1000};
  ::setsockopt(socket, SOL_SOCKET, option, &time, sizeof(time));
}

/// Reads one byte, which comes after the time.
Make ReadByte(milliseconds duration, Pair pair) {
  return [=] {
    const Later send(duration, [pair] { ::write(pair.other, "x", 1); });
    char byte = 0;
    return ResultOf(::read(pair.mine, &byte, 1));
  };
}

Make ReadPipe(milliseconds duration) { return ReadByte(duration, Pipe()); }
Make ReadSocket(milliseconds duration) { return ReadByte(duration, SocketPair()); }

Make ReadSocketFor(milliseconds duration) {
  const Pair pair = SocketPair();
  SetTimeout(pair.mine, SO_RCVTIMEO, duration);
  return [pair] {
    char byte = 0;
    return ResultOf(::read(pair.mine, &byte, 1));
  };
}

Make Recv(milliseconds duration) {
  return [duration, pair = SocketPair(SOCK_DGRAM)] {
    const Later send(duration, [pair] { ::send(pair.other, "x", 1, 0); });
    char byte = 0;
    return ResultOf(::recv(pair.mine, &byte, 1, 0));
  };
}

Make RecvFor(milliseconds duration) {
  const Pair pair = SocketPair();
  SetTimeout(pair.mine, SO_RCVTIMEO, duration);
  return [pair] {
    char byte = 0;
    return ResultOf(::recv(pair.mine, &byte, 1, 0));
  };
}

/// Half of it is there at once.
Make RecvAll(milliseconds duration) {
  return [duration, pair = SocketPair()] {
    ::send(pair.other, "x", 1, 0);
    const Later send(duration, [pair] { ::send(pair.other, "y", 1, 0); });
    std::array<char, 2> bytes{};
    return ResultOf(::recv(pair.mine, bytes.data(), bytes.size(), MSG_WAITALL));
  };
}

Make RecvmsgFor(milliseconds duration) {
  const Pair pair = SocketPair();
  SetTimeout(pair.mine, SO_RCVTIMEO, duration);
  return [pair] {
    char byte = 0;
    iovec part{&byte, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return ResultOf(::recvmsg(pair.mine, &message, 0));
  };
}

/// In a pipe, and with what socket(7) gives as the default of wmem_default.
constexpr std::size_t kMoreThanRoom = 512 << 10;

/// Writes more than there is room for; the rest is read after the time.
Make WriteAll(milliseconds duration, Pair pair) {
  return [=] {
    static std::array<char, kMoreThanRoom> bytes;
    const Later drain(duration, [pair] {
      static std::array<char, kMoreThanRoom> drained;
      for (std::size_t count = 0; count < bytes.size();) {
        count += static_cast<std::size_t>(::read(pair.other, drained.data(), drained.size()));
      }
    });
    return ResultOf(::write(pair.mine, bytes.data(), bytes.size()));
  };
}

Make WriteSocket(milliseconds duration) { return WriteAll(duration, SocketPair()); }

Make WritePipe(milliseconds duration) {
  const Pair pipe = Pipe();
  return WriteAll(duration, {pipe.other, pipe.mine});
}

/// The buffer is full already.
Make SendFor(milliseconds duration) {
  const Pair pair = SocketPair();
  while (::send(pair.mine, "x", 1, MSG_DONTWAIT) == 1) continue;
  SetTimeout(pair.mine, SO_SNDTIMEO, duration);
  return [pair] { return ResultOf(::send(pair.mine, "x", 1, 0)); };
}

/// An abstract name of the process's own.
sockaddr_un OwnName() {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::to_string(::getpid()).copy(name.sun_path + 1, sizeof(name.sun_path) - 1);
  return name;
}

long ConnectTo(int socket, const sockaddr_un& name) {
  return ResultOf(::connect(socket, reinterpret_cast<const sockaddr*>(&name), sizeof(name)));
}

int Listen() {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const sockaddr_un name = OwnName();
  ::bind(listener, reinterpret_cast<const sockaddr*>(&name), sizeof(name));
  ::listen(listener, 0);
  return listener;
}

Make Accept(milliseconds duration) {
  return [duration, listener = Listen()] {
    const Later connect(duration, [] {
      const int client = ::socket(AF_UNIX, SOCK_STREAM, 0);
      ConnectTo(client, OwnName());
      ::close(client);
    });
    const int peer = ::accept(listener, nullptr, nullptr);
    return ResultOf(::close(peer));
  };
}

Make AcceptFor(milliseconds duration) {
  const int listener = Listen();
  SetTimeout(listener, SO_RCVTIMEO, duration);
  return [listener] { return ResultOf(::accept(listener, nullptr, nullptr)); };
}

/// A listener whose queue is full.
int ListenAndFill() {
  const int listener = Listen();
  const int client = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ConnectTo(client, OwnName());
  return listener;
}

Make Connect(milliseconds duration) {
  return [duration, listener = ListenAndFill()] {
    const Later accept(duration, [listener] { ::close(::accept(listener, nullptr, nullptr)); });
    return ConnectTo(::socket(AF_UNIX, SOCK_STREAM, 0), OwnName());
  };
}

Make ConnectFor(milliseconds duration) {
  ListenAndFill();
  const int client = ::socket(AF_UNIX, SOCK_STREAM, 0);
  SetTimeout(client, SO_SNDTIMEO, duration);
  return [client] { return ConnectTo(client, OwnName()); };
}

Make ReadEventfd(milliseconds duration) {
  return [duration, bell = ::eventfd(0, 0)] {
    const Later ring(duration, [bell] { ::eventfd_write(bell, 1); });
    eventfd_t count = 0;
    return ResultOf(::eventfd_read(bell, &count));
  };
}

Make ReadTimerfd(milliseconds duration) {
  return [duration, timer = ::timerfd_create(CLOCK_MONOTONIC, 0)] {
    const itimerspec time{{}, ToTimespec(duration)};
    ::timerfd_settime(timer, 0, &time, nullptr);
    std::uint64_t count = 0;
    return ResultOf(::read(timer, &count, sizeof(count)));
  };
}

Make ReadInotify(milliseconds duration) {
  std::string path = "/tmp/blocking-call-XXXXXX";
  const int file = ::mkstemp(path.data());
  const int inotify = ::inotify_init1(0);
  ::inotify_add_watch(inotify, path.c_str(), IN_MODIFY);
  ::unlink(path.c_str());
  return [=] {
    const Later write(duration, [file] { ::write(file, "x", 1); });
    std::array<char, 512> event{};
    return ResultOf(::read(inotify, event.data(), event.size()));
  };
}

Pair Terminal(cc_t least, cc_t tenths) {
  Pair pair;
  ::openpty(&pair.other, &pair.mine, nullptr, nullptr, nullptr);
  termios mode{};
  ::tcgetattr(pair.mine, &mode);
  ::cfmakeraw(&mode);
  mode.c_cc[VMIN] = least;
  mode.c_cc[VTIME] = tenths;
  ::tcsetattr(pair.mine, TCSANOW, &mode);
  return pair;
}

Make ReadTerminal(milliseconds duration) { return ReadByte(duration, Terminal(1, 0)); }

Make ReadTerminalFor(milliseconds duration) {
  const Pair pair = Terminal(0, static_cast<cc_t>(duration / milliseconds(100)));
  return [pair] {
    char byte = 0;
    return ResultOf(::read(pair.mine, &byte, 1));
  };
}

pid_t ChildThatEndsAfter(milliseconds duration) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  const timespec time = ToTimespec(duration);
  ::nanosleep(&time, nullptr);
  ::_exit(0);
}

Make Wait4(milliseconds duration) {
  return [duration] {
    const pid_t child = ChildThatEndsAfter(duration);
    return ::waitpid(child, nullptr, 0) == child ? 0L : -1L;
  };
}

Make Waitid(milliseconds duration) {
  return [duration] {
    siginfo_t info{};
    return ResultOf(::waitid(P_PID, static_cast<id_t>(ChildThatEndsAfter(duration)), &info, WEXITED));
  };
}

Make Flock(milliseconds duration) {
  const int file = ::memfd_create("locked", 0);
  const int other = ::open(("/proc/self/fd/" + std::to_string(file)).c_str(), O_RDWR);
  return [=] {
    ::flock(other, LOCK_EX);
    const Later unlock(duration, [other] { ::flock(other, LOCK_UN); });
    const long result = ResultOf(::flock(file, LOCK_EX));
    ::flock(file, LOCK_UN);
    return result;
  };
}

/// Locks of fcntl(2) belong to a process, those of its open files to a thread.
Make FcntlLock(milliseconds duration) {
  const int file = ::memfd_create("locked", 0);
  const int other = ::open(("/proc/self/fd/" + std::to_string(file)).c_str(), O_RDWR);
  const auto set = [](int descriptor, int command, short type) {
    struct flock lock {};
    lock.l_type = type;
    return ResultOf(::fcntl(descriptor, command, &lock));
  };
  return [=] {
    set(other, F_OFD_SETLK, F_WRLCK);
    const Later unlock(duration, [=] { set(other, F_OFD_SETLK, F_UNLCK); });
    const long result = set(file, F_SETLKW, F_WRLCK);
    set(file, F_SETLK, F_UNLCK);
    return result;
  };
}

}  // namespace

std::vector<BlockingCall> DescriptorCalls() {
  using enum Treatment;
  return {
      {"ReadPipe", kStopped, ReadPipe},
      {"ReadSocket", kStopped, ReadSocket},
      {"ReadSocketFor", kLeftAlone, ReadSocketFor},
      {"Recv", kStopped, Recv},
      {"RecvFor", kLeftAlone, RecvFor},
      {"RecvAll", kLeftAlone, RecvAll},
      {"RecvmsgFor", kLeftAlone, RecvmsgFor},
      {"WriteSocket", kLeftAlone, WriteSocket},
      {"WritePipe", kLeftAlone, WritePipe},
      {"SendFor", kLeftAlone, SendFor},
      {"Accept", kStopped, Accept},
      {"AcceptFor", kLeftAlone, AcceptFor},
      {"Connect", kStopped, Connect},
      {"ConnectFor", kLeftAlone, ConnectFor},
      {"ReadEventfd", kStopped, ReadEventfd},
      {"ReadTimerfd", kStopped, ReadTimerfd},
      {"ReadInotify", kStopped, ReadInotify},
      {"ReadTerminal", kStopped, ReadTerminal},
      {"ReadTerminalFor", kLeftAlone, ReadTerminalFor},
      {"Wait4", kStopped, Wait4},
      {"Waitid", kStopped, Waitid},
      {"Flock", kStopped, Flock},
      {"FcntlLock", kStopped, FcntlLock},
  };
}

}  // namespace pyleak::test
