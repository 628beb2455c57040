#include "attach/trace/priority.h"

#include <malloc.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstddef>
#include <vector>

namespace pyleak::attach {

void RaisePriority() {
  // Sleeps end when asked and not up to 50 us later, PR_SET_TIMERSLACK in prctl(2).
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  // Niceness before a real-time class: a thread of ours that spun there by mistake would starve the target's.
  if (::setpriority(PRIO_PROCESS, 0, -15) == 0) {
    const sched_param none{};
    ::sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none);
    return;
  }
  const sched_param lowest{.sched_priority = 1};
  ::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest);
}

void KeepMemoryReady(std::size_t bytes) {
  // mallopt(3), for all threads: below the first, free memory at the top of a heap stays ours; below the second, memory
  // comes from a heap.
  ::mallopt(M_TRIM_THRESHOLD, 8 << 20);
  ::mallopt(M_MMAP_THRESHOLD, 2 << 20);
  // Written to, so that it is there, and freed again. In pieces, for a heap of a thread grows as it is asked.
  constexpr std::size_t kPieceBytes = std::size_t{256} << 10;
  std::vector<std::vector<std::byte>> pieces((bytes + kPieceBytes - 1) / kPieceBytes);
  for (auto& piece : pieces) piece.assign(kPieceBytes, std::byte{1});
}

}  // namespace pyleak::attach
