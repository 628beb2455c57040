#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "tests/process/attach/blocking_calls.h"

namespace pyleak::test {
namespace {

using std::chrono::milliseconds;
using Make = BlockingCall::Make;

/// System V objects outlive their makers, but not their namespace.
void HaveOwnIpc() {
  if (::unshare(CLONE_NEWIPC) != 0) ::unshare(CLONE_NEWUSER | CLONE_NEWIPC);
}

struct Message {
  long type = 1;
  char text = 0;
};

Make Msgrcv(milliseconds duration) {
  HaveOwnIpc();
  return [duration, queue = ::msgget(IPC_PRIVATE, 0600)] {
    const Later send(duration, [queue] {
      const Message message;
      ::msgsnd(queue, &message, 1, 0);
    });
    Message message;
    return ResultOf(::msgrcv(queue, &message, 1, 0, 0));
  };
}

Make Semop(milliseconds duration) {
  HaveOwnIpc();
  return [duration, set = ::semget(IPC_PRIVATE, 1, 0600)] {
    const Later raise(duration, [set] {
      sembuf up{0, 1, 0};
      ::semop(set, &up, 1);
    });
    sembuf down{0, -1, 0};
    return ResultOf(::semop(set, &down, 1));
  };
}

Make Semtimedop(milliseconds duration) {
  HaveOwnIpc();
  return [duration, set = ::semget(IPC_PRIVATE, 1, 0600)] {
    const timespec time = ToTimespec(duration);
    sembuf down{0, -1, 0};
    return ResultOf(::semtimedop(set, &down, 1, &time));
  };
}

mqd_t OpenQueue() {
  HaveOwnIpc();
  const std::string name = "/blocking-call-" + std::to_string(::getpid());
  mq_attr attributes{};
  attributes.mq_maxmsg = 1;
  attributes.mq_msgsize = 1;
  const mqd_t queue = ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
  ::mq_unlink(name.c_str());
  return queue;
}

Make MqReceive(milliseconds duration) {
  return [duration, queue = OpenQueue()] {
    const Later send(duration, [queue] { ::mq_send(queue, "", 1, 0); });
    char text = 0;
    return ResultOf(::mq_receive(queue, &text, 1, nullptr));
  };
}

Make MqTimedreceive(milliseconds duration) {
  return [duration, queue = OpenQueue()] {
    const timespec time = FromNow(CLOCK_REALTIME, duration);
    char text = 0;
    return ResultOf(::mq_timedreceive(queue, &text, 1, nullptr, &time));
  };
}

/// 0: the kernel has none.
aio_context_t SetUpAio() {
  aio_context_t context = 0;
  return ::syscall(SYS_io_setup, 4, &context) == 0 ? context : 0;
}

Make IoGetevents(milliseconds duration) {
  const aio_context_t context = SetUpAio();
  if (context == 0) return {};
  return [duration, context, bell = ::eventfd(0, 0)] {
    eventfd_t count = 0;
    iocb request{};
    request.aio_lio_opcode = IOCB_CMD_POLL;
    request.aio_fildes = static_cast<std::uint32_t>(bell);
    request.aio_buf = POLLIN;
    iocb* requests[] = {&request};
    if (::syscall(SYS_io_submit, context, 1, requests) != 1) return ResultOf(-1);
    const Later ring(duration, [bell] { ::eventfd_write(bell, 1); });
    io_event event{};
    const long result = ResultOf(::syscall(SYS_io_getevents, context, 1, 1, &event, nullptr));
    ::eventfd_read(bell, &count);
    return result;
  };
}

Make IoGeteventsFor(milliseconds duration) {
  const aio_context_t context = SetUpAio();
  if (context == 0) return {};
  return [duration, context] {
    io_event event{};
    timespec time = ToTimespec(duration);
    return ResultOf(::syscall(SYS_io_getevents, context, 1, 1, &event, &time));
  };
}

Make IoPgeteventsFor(milliseconds duration) {
  const aio_context_t context = SetUpAio();
  if (context == 0) return {};
  return [duration, context] {
    io_event event{};
    timespec time = ToTimespec(duration);
    return ResultOf(::syscall(SYS_io_pgetevents, context, 1, 1, &event, &time, nullptr));
  };
}

/// The smallest ring, whose only requests wait until a bell is rung. Nothing of it is ever freed: it is a target's.
class Ring {
 public:
  bool SetUp() {
    io_uring_params parameters{};
    ring_ = static_cast<int>(::syscall(SYS_io_uring_setup, 2, &parameters));
    if (ring_ < 0 || (parameters.features & IORING_FEAT_EXT_ARG) == 0) return false;
    submitted_ = Map(IORING_OFF_SQ_RING);
    completed_ = Map(IORING_OFF_CQ_RING);
    requests_ = reinterpret_cast<io_uring_sqe*>(Map(IORING_OFF_SQES));
    parameters_ = parameters;
    bell_ = ::eventfd(0, EFD_NONBLOCK);
    return true;
  }
  /// Puts a request into the ring, which is complete when somebody rings.
  void WaitForBell() {
    eventfd_t count = 0;
    ::eventfd_read(bell_, &count);
    *requests_ = {};
    requests_->opcode = IORING_OP_POLL_ADD;
    requests_->fd = bell_;
    requests_->poll32_events = POLLIN;
    Word(submitted_, parameters_.sq_off.array) = 0;
    ++Word(submitted_, parameters_.sq_off.tail);
  }
  void RingBell() const { ::eventfd_write(bell_, 1); }
  long Enter(unsigned submit, unsigned wait_for, unsigned flags, const void* argument, std::size_t size) const {
    return ResultOf(::syscall(SYS_io_uring_enter, ring_, submit, wait_for, flags, argument, size));
  }
  void ForgetCompleted() {
    Word(completed_, parameters_.cq_off.head) = Word(completed_, parameters_.cq_off.tail).load();
  }

 private:
  char* Map(long offset) const {
    constexpr std::size_t kEnough = 4096;
    return static_cast<char*>(::mmap(nullptr, kEnough, PROT_READ | PROT_WRITE, MAP_SHARED, ring_, offset));
  }
  static std::atomic<std::uint32_t>& Word(char* ring, std::uint32_t offset) {
    return *reinterpret_cast<std::atomic<std::uint32_t>*>(ring + offset);
  }

  int ring_ = -1;
  int bell_ = -1;
  char* submitted_ = nullptr;
  char* completed_ = nullptr;
  io_uring_sqe* requests_ = nullptr;
  io_uring_params parameters_{};
};

std::shared_ptr<Ring> MakeRing() {
  auto ring = std::make_shared<Ring>();
  return ring->SetUp() ? ring : nullptr;
}

Make IoUringEnter(milliseconds duration) {
  const auto ring = MakeRing();
  if (!ring) return {};
  return [=] {
    ring->WaitForBell();
    if (ring->Enter(1, 0, 0, nullptr, 0) != 1) return -1L;
    const Later bell(duration, [ring] { ring->RingBell(); });
    const long result = ring->Enter(0, 1, IORING_ENTER_GETEVENTS, nullptr, 0);
    ring->ForgetCompleted();
    return result;
  };
}

/// A stop would end it with what it has submitted, and without the answer.
Make IoUringEnterThatSubmits(milliseconds duration) {
  const auto ring = MakeRing();
  if (!ring) return {};
  return [=] {
    ring->WaitForBell();
    const Later bell(duration, [ring] { ring->RingBell(); });
    const long result = ring->Enter(1, 1, IORING_ENTER_GETEVENTS, nullptr, 0);
    ring->ForgetCompleted();
    return result;
  };
}

Make IoUringEnterFor(milliseconds duration) {
  const auto ring = MakeRing();
  if (!ring) return {};
  return [=] {
    const timespec time = ToTimespec(duration);
    io_uring_getevents_arg argument{};
    argument.ts = reinterpret_cast<std::uint64_t>(&time);
    return ring->Enter(0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument, sizeof(argument));
  };
}

}  // namespace

std::vector<BlockingCall> MessageCalls() {
  using enum Treatment;
  return {
      {"Msgrcv", kStopped, Msgrcv},
      {"Semop", kStopped, Semop},
      {"Semtimedop", kLeftAlone, Semtimedop},
      {"MqReceive", kStopped, MqReceive},
      {"MqTimedreceive", kStopped, MqTimedreceive},
      {"IoGetevents", kStopped, IoGetevents},
      {"IoGeteventsFor", kLeftAlone, IoGeteventsFor},
      {"IoPgeteventsFor", kLeftAlone, IoPgeteventsFor},
      {"IoUringEnter", kStopped, IoUringEnter},
      {"IoUringEnterThatSubmits", kLeftAlone, IoUringEnterThatSubmits},
      {"IoUringEnterFor", kLeftAlone, IoUringEnterFor},
  };
}

}  // namespace pyleak::test
