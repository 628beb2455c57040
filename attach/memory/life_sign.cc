#include "attach/memory/life_sign.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pyleak::attach {

LifeSign::LifeSign(std::uint32_t& word) : thread_([this, &word] { Live(word); }) { begun_.acquire(); }

LifeSign::~LifeSign() {
  over_.release();
  thread_.join();
}

bool LifeSign::SaysAlive(std::uint32_t word) { return (word & FUTEX_TID_MASK) != 0 && (word & FUTEX_OWNER_DIED) == 0; }

/// In place of the list that glibc has given the thread, whose locks would be of its own making: an empty one, and the
/// word as the lock that is being taken. So the kernel follows no pointer through memory that others can write.
void LifeSign::Live(std::uint32_t& word) {
  robust_list entry{};
  robust_list_head head{};
  head.list.next = &head.list;
  head.futex_offset = reinterpret_cast<char*>(&word) - reinterpret_cast<char*>(&entry);
  head.list_op_pending = &entry;
  ::syscall(SYS_set_robust_list, &head, sizeof(head));
  __atomic_store_n(&word, static_cast<std::uint32_t>(::gettid()), __ATOMIC_RELEASE);
  begun_.release();
  over_.acquire();
  __atomic_store_n(&word, 0U, __ATOMIC_RELEASE);
  ::syscall(SYS_set_robust_list, nullptr, sizeof(head));
}

}  // namespace pyleak::attach
