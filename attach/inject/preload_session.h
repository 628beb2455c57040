#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "attach/base/result.h"
#include "attach/heartbeat/heartbeat.h"
#include "attach/inject/arena_memory.h"
#include "attach/inject/session_file.h"
#include "attach/proc/process_identity.h"

namespace pyleak::attach {

/// What `run` prepares before its program starts: the agent as a file that the dynamic linker can load, and the
/// heartbeat as a file that the agent of each process opens on its first wait call.
///
/// Both are named in the program's environment, and so reach every program that it starts. A program that drops the
/// environment, a statically linked one, and one that changes its user (ld.so(8), secure execution) run unwatched. A
/// 32-bit program gets a warning from its own linker, which cannot load the agent.
///
/// Destruction removes the files, unless a process still uses them: one that lived on could start others, whose linker
/// would complain of the missing agent. The next session that finds such files unused removes them.
class PreloadSession {
 public:
  /// `threshold`: iterations of at least this length are noted. `follow_children`: forked children are watched too;
  /// programs that a child starts always note their waits, whether somebody reads them or not.
  static Result<PreloadSession> Begin(std::chrono::nanoseconds threshold, bool follow_children);

  PreloadSession(PreloadSession&&) noexcept = default;
  PreloadSession& operator=(PreloadSession&&) = delete;
  ~PreloadSession();

  /// `inherited` with what makes a program of this session, as for execve(2). Ends with a null pointer.
  [[nodiscard]] std::vector<std::string> Environment(const char* const* inherited) const;

  /// The Error is why the agent has not been loaded into that process and will not be. It may still be on its way where
  /// there is none.
  [[nodiscard]] Result<void> CheckLoaded(const ProcessIdentity& process) const;

  /// A view of the heartbeat, valid as long as the session.
  [[nodiscard]] const Arena& arena() const { return memory_.arena(); }

  /// Makes room for more processes when little is left. To be called as often as the heartbeat is looked at.
  void KeepRoom() { memory_.KeepRoom(heartbeat_.file()); }
  /// Processes for which there is no room left. Those that had to wait for KeepRoom are not among them.
  [[nodiscard]] std::uint64_t unwatched_processes() const;

 private:
  PreloadSession(SessionFile agent, SessionFile heartbeat, ArenaMemory memory)
      : agent_(std::move(agent)), heartbeat_(std::move(heartbeat)), memory_(std::move(memory)) {}

  SessionFile agent_;
  SessionFile heartbeat_;
  ArenaMemory memory_;
};

}  // namespace pyleak::attach
