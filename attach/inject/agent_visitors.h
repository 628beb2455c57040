#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "attach/agent/protocol.h"
#include "attach/inject/injection_target.h"
#include "attach/inject/placed_agent.h"

namespace pyleak::attach {

/// The threads that are inside a placed agent: in its code, or in a wait from which they will come back to it.
class AgentVisitors {
 public:
  /// `clock`: what the agent calls to know the time. Refers to both others.
  AgentVisitors(const InjectionTarget& target, const PlacedAgent& agent, RemoteAddress clock)
      : target_(target), agent_(agent), clock_(clock), stack_(kDeepestStack / sizeof(std::uint64_t)) {}

  /// A thread that has entered a wait by the agent, and the word on its stack by which it will come back: as a patch
  /// that is applied, whose original leads past the agent, to the caller of the wait.
  struct Wait {
    int tid;
    PyleakPatch way_back;
  };
  enum class Whereabouts {
    kOutside,  ///< It has left the wait, be it by a jump or an exception.
    kInWait,   ///< Asleep in the system call: nobody has read its way back yet.
    kOnTop,    ///< On its way in or out, in a signal handler, or being unwound. Also where that cannot be known.
  };
  [[nodiscard]] std::vector<Wait> Waits(const AddressRange& arena) const;
  [[nodiscard]] Whereabouts Where(const Wait& wait);
  /// True when a thread may come back by a way that is not known to the byte.
  bool IsSomebodyLost(const AddressRange& arena);
  /// True when a thread may be in the agent's own code. Running threads are held for a moment each.
  bool IsAnybodyInCode();

  /// The longest time that one thread was held.
  [[nodiscard]] std::chrono::nanoseconds longest_hold() const { return longest_hold_; }

 private:
  /// How much of a stack is searched for return addresses. Who is deeper than that is taken to be inside.
  static constexpr std::size_t kDeepestStack = std::size_t{1} << 20;

  /// Those of this process; the other regions belong to other processes that share the arena.
  [[nodiscard]] std::vector<RemoteAddress> Regions(const AddressRange& arena) const;
  [[nodiscard]] std::uint64_t Word(RemoteAddress at) const;
  /// `is_inside(stack pointer, program counter)`, asked of every thread wherever it is now. True if that cannot be
  /// known of one.
  template <typename IsInsideAt>
  bool IsAny(IsInsideAt is_inside);
  /// The same of one thread.
  template <typename IsInsideAt>
  bool IsInside(int tid, IsInsideAt is_inside);
  /// True if `is(stack pointer, program counter)` of the place itself, or of one that a signal handler returns to.
  template <typename Is>
  [[nodiscard]] bool IsAnyPlace(RemoteAddress stack_pointer, RemoteAddress program_counter, Is is) const;
  [[nodiscard]] std::optional<PyleakPatch> WayBackOf(const PyleakSlot& slot) const;
  [[nodiscard]] bool IsInCode(RemoteAddress stack_pointer, RemoteAddress program_counter) const;
  [[nodiscard]] bool MayReturnToAgent(RemoteAddress stack_pointer);

  const InjectionTarget& target_;
  const PlacedAgent& agent_;
  RemoteAddress clock_;
  std::chrono::nanoseconds longest_hold_{};
  /// Of a thread that is held while it is looked through, so that nothing is allocated then.
  std::vector<std::uint64_t> stack_;
};

}  // namespace pyleak::attach
