#include "attach/trace/polled_descriptors.h"

#include <poll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "attach/proc/descriptor.h"
#include "attach/trace/wait_calls.h"

namespace pyleak::attach {
namespace {

constexpr std::uint64_t kMostDescriptors = FD_SETSIZE;

std::vector<int> OfPoll(RemoteAddress list, std::uint64_t count, const MemoryReader& memory) {
  std::vector<pollfd> entries(std::min(count, kMostDescriptors));
  const std::size_t bytes = memory.Read(list, std::as_writable_bytes(std::span(entries)));
  entries.resize(bytes / sizeof(pollfd));
  std::vector<int> descriptors;
  for (const pollfd& entry : entries) {
    if (entry.fd >= 0) descriptors.push_back(entry.fd);  // a negative one is left out of the wait, poll(2)
  }
  return descriptors;
}

/// A set of select(2): bit n of it is descriptor n.
void AppendSet(RemoteAddress set, std::uint64_t count, const MemoryReader& memory, std::vector<int>& descriptors) {
  if (set.is_null()) return;
  std::array<unsigned char, kMostDescriptors / 8> bits{};
  // The caller's set may be shorter than FD_SETSIZE where its first argument is.
  memory.Read(set, std::as_writable_bytes(std::span(bits)).first((count + 7) / 8));
  for (std::uint64_t i = 0; i < count; ++i) {
    if ((bits[i / 8] >> (i % 8) & 1U) != 0) descriptors.push_back(static_cast<int>(i));
  }
}

}  // namespace

std::vector<int> PolledDescriptors(const ThreadActivity& activity, const MemoryReader& memory) {
  std::vector<int> descriptors;
  if (activity.running) return descriptors;
  const auto& arguments = activity.arguments;
  if (activity.system_call == SYS_poll || activity.system_call == SYS_ppoll) {
    descriptors = OfPoll(RemoteAddress(arguments[0]), arguments[1], memory);
  } else if (activity.system_call == SYS_select || activity.system_call == SYS_pselect6) {
    const std::uint64_t count = std::min(arguments[0], kMostDescriptors);
    for (std::size_t i = 1; i <= 3; ++i) AppendSet(RemoteAddress(arguments[i]), count, memory, descriptors);
  }
  std::ranges::sort(descriptors);
  descriptors.erase(std::unique(descriptors.begin(), descriptors.end()), descriptors.end());
  return descriptors;
}

bool IsConnectedSocket(const ProcessIdentity& process, int descriptor) {
  const UniqueFd copy = CopyDescriptor(process, descriptor);
  if (!copy) return false;
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  return ::getpeername(copy.get(), reinterpret_cast<sockaddr*>(&peer), &length) == 0;
}

bool WaitsLikeLoop(const ThreadActivity& activity, const MemoryReader& memory, const ProcessIdentity& process) {
  if (!IsWaiting(activity)) return false;
  if (IsEpollWait(activity.system_call)) return true;
  const std::vector<int> polled = PolledDescriptors(activity, memory);
  return polled.size() > 1 || (polled.size() == 1 && !IsConnectedSocket(process, polled.front()));
}

}  // namespace pyleak::attach
