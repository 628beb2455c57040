#include "attach/trace/passage_watch.h"

#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <ctime>

#include "attach/trace/arch/x86_64.h"

namespace pyleak::attach {
namespace {

constexpr std::size_t kPage = 4096;

/// More than one, since a wait of a callback may use the same instruction as its loop's.
constexpr std::size_t kNotedAtOnce = 4;

/// A record as `sample_type` asks for it (perf_event_open(2), MMAP layout).
struct Record {
  perf_event_header header;
  std::uint64_t time;
  std::uint64_t abi;
  std::array<std::uint64_t, 2> registers;  ///< In the order of their bits in `sample_regs_user`.
};

perf_event_attr Attributes(RemoteAddress instruction) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_BREAKPOINT;
  attributes.bp_type = HW_BREAKPOINT_X;
  attributes.bp_addr = instruction.value();
  attributes.bp_len = sizeof(long);
  attributes.sample_period = 1;
  attributes.sample_type = PERF_SAMPLE_TIME | PERF_SAMPLE_REGS_USER;
  attributes.sample_regs_user = arch::kPassageRegisters;
  attributes.use_clockid = 1;
  attributes.clockid = CLOCK_MONOTONIC;
  attributes.disabled = 1;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  return attributes;
}

/// What the machine is tried on.
[[gnu::noinline, gnu::noipa]] void Milestone() { asm volatile("nop"); }

}  // namespace

Result<PassageWatch> PassageWatch::At(ThreadId thread, RemoteAddress system_call) {
  static const bool works_here = WorksHere();
  auto event = Event::Open(thread.tid, system_call);
  if (!event) return std::move(event).error();
  if (!works_here) return Error{ErrorCode::kRefused, "this machine has no breakpoints for pyleak"};
  return PassageWatch(thread, system_call, Event());
}

/// A virtual machine may take the breakpoint and never hit it.
bool PassageWatch::WorksHere() {
  auto event = Event::Open(::gettid(), RemoteAddress(reinterpret_cast<std::uint64_t>(&Milestone)));
  if (!event) return false;
  Milestone();
  return !event->Take().empty();
}

void PassageWatch::Arm() {
  if (!event_.IsSpent()) return;
  // Enabled again, an event that has switched itself off would note nothing (seen on Linux 6.18).
  if (auto event = Event::Open(thread_.tid, instruction_)) event_ = *std::move(event);
}

std::vector<Passage> PassageWatch::Take() { return event_.Take(); }

Result<PassageWatch::Event> PassageWatch::Event::Open(int tid, RemoteAddress instruction) {
  perf_event_attr attributes = Attributes(instruction);
  Event event;
  event.file_ =
      UniqueFd(static_cast<int>(::syscall(SYS_perf_event_open, &attributes, tid, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!event.file_) return ErrnoError("perf_event_open");
  void* const ring = ::mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, event.file_.get(), 0);
  if (ring == MAP_FAILED) return ErrnoError("mapping the records of perf_event_open");
  event.ring_ = {static_cast<std::byte*>(ring), 2 * kPage};
  // Begins, and switches itself off after so many.
  if (::ioctl(event.file_.get(), PERF_EVENT_IOC_REFRESH, kNotedAtOnce) != 0)
    return ErrnoError("PERF_EVENT_IOC_REFRESH");
  return event;
}

PassageWatch::Event& PassageWatch::Event::operator=(Event&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(ring_, other.ring_);
  std::swap(noted_, other.noted_);
  return *this;
}

PassageWatch::Event::~Event() {
  if (!ring_.empty()) ::munmap(ring_.data(), ring_.size());
}

bool PassageWatch::Event::IsSpent() const { return !file_ || noted_ >= kNotedAtOnce; }

std::vector<Passage> PassageWatch::Event::Take() {
  std::vector<Passage> passages;
  if (!file_) return passages;
  auto* const control = reinterpret_cast<perf_event_mmap_page*>(ring_.data());
  const std::span<const std::byte> records = ring_.subspan(kPage);
  const std::uint64_t head = std::atomic_ref(control->data_head).load(std::memory_order_acquire);
  std::uint64_t tail = control->data_tail;
  while (tail + sizeof(perf_event_header) <= head) {
    Record record{};
    auto* const bytes = reinterpret_cast<std::byte*>(&record);
    for (std::size_t i = 0; i < sizeof record; ++i) bytes[i] = records[(tail + i) % records.size()];
    if (record.header.size < sizeof(perf_event_header)) break;
    tail += record.header.size;
    if (record.header.type != PERF_RECORD_SAMPLE || record.header.size != sizeof record) continue;
    passages.push_back({std::chrono::nanoseconds(record.time), arch::FirstArgumentOf(record.registers),
                        RemoteAddress(arch::StackPointerOf(record.registers))});
  }
  std::atomic_ref(control->data_tail).store(head, std::memory_order_release);
  noted_ += passages.size();
  return passages;
}

}  // namespace pyleak::attach
