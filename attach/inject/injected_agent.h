#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "attach/base/result.h"
#include "attach/heartbeat/heartbeat.h"
#include "attach/inject/agent_image.h"
#include "attach/inject/agent_removal.h"
#include "attach/inject/arena_memory.h"
#include "attach/inject/import_slots.h"
#include "attach/inject/loaded_modules.h"
#include "attach/memory/life_sign.h"
#include "attach/memory/process_memory.h"
#include "attach/proc/process_identity.h"
#include "attach/trace/borrowed_thread.h"
#include "attach/trace/step_observer.h"
#include "attach/trace/tracer.h"

namespace pyleak::attach {

struct InjectionOptions {
  std::chrono::nanoseconds threshold = std::chrono::milliseconds(200);
  bool follow_children = false;
  /// How long to look for a thread that can be borrowed without harm.
  std::chrono::milliseconds patience = std::chrono::seconds(10);
  StepObserver* observer = nullptr;
};

struct InjectionReport {
  std::size_t redirected_slots = 0;  ///< 0: the program does not, or not yet, import any wait call.
  std::size_t foreign_slots = 0;     ///< Left alone, because something else than libc's function is in them.
  /// One thread was taken away from its work for so long, three times; no other was stopped.
  std::chrono::nanoseconds longest_hold{};
};

/// The agent, placed in a running process without its loader, and the heartbeat that it writes. Lives as long as the
/// watch; its end puts everything back, as far as the process still runs.
class InjectedAgent {
 public:
  /// kAlreadyWatched: another pyleak is at work there. What a pyleak that was killed has left is removed first.
  /// kStaticProgram, kWrongArchitecture, kRefused: no agent can be placed there, and why.
  static Result<InjectedAgent> Inject(const ProcessIdentity& process, const InjectionOptions& options);

  InjectedAgent(InjectedAgent&&) noexcept = default;
  InjectedAgent& operator=(InjectedAgent&&) = delete;
  ~InjectedAgent();

  [[nodiscard]] Arena& arena() { return arena_memory_->arena(); }
  /// Of the process itself.
  [[nodiscard]] Heartbeat heartbeat() const { return arena_memory_->arena().region(0); }
  [[nodiscard]] const InjectionReport& report() const { return report_; }
  /// Where the agent lies, and the ELF image that lies there: stacks lead through it.
  [[nodiscard]] AddressRange range() const { return placed_->range(); }
  [[nodiscard]] std::span<const std::byte> image() const { return image_.bytes(); }

  /// Makes room for more children. To be called as often as the heartbeat is looked at.
  void KeepRoom() { arena_memory_->KeepRoom(arena_file_); }
  /// Redirects the import slots of modules that were loaded since; how many. To be called now and then: it costs some
  /// reads of the link map unless that has changed.
  Result<std::size_t> ExtendToNewModules();

  /// Takes the agent out again, if the process still runs the same program. The heartbeat stays readable, and no longer
  /// changes.
  Result<RemovalReport> Remove();

 private:
  InjectedAgent(const ProcessIdentity& process, std::unique_ptr<ProcessMemory> memory, AgentImage image,
                const arch::Gadgets& gadgets, ModuleListWatch module_list)
      : process_(process),
        memory_(std::move(memory)),
        image_(std::move(image)),
        gadgets_(gadgets),
        module_list_(module_list) {}

  /// False once the process has ended or, by exec, runs another program, in which there is no agent.
  [[nodiscard]] bool IsStillThere() const;
  [[nodiscard]] InjectionTarget target() const { return {process_, *memory_, gadgets_, *tracer_, borrowing_}; }

  Result<void> Place(const InjectionOptions& options);
  Result<PlacedAgent> ChoosePlace(const MemoryMap& map, std::uint64_t arena_bytes) const;
  Result<void> Begin(const PlacedAgent& agent, const PyleakContext& context);
  Result<void> MapImage(BorrowedThread& thread, const PlacedAgent& agent, const PyleakContext& context);
  Result<void> OpenArena(const InjectionOptions& options);
  [[nodiscard]] std::vector<PyleakPatch> StillRedirected(const PyleakContext& context) const;
  Result<PyleakContext> CallAgent(RemoteAddress function);
  void Held(std::chrono::nanoseconds duration);
  Result<BorrowedThread> Borrow() const;

  ProcessIdentity process_;
  std::unique_ptr<ProcessMemory> memory_;
  AgentImage image_;
  arch::Gadgets gadgets_;
  ModuleListWatch module_list_;
  std::optional<std::uint64_t> modules_seen_;
  std::unique_ptr<Tracer> tracer_ = std::make_unique<Tracer>();
  BorrowOptions borrowing_;
  std::optional<PlacedAgent> leftover_;  ///< To be taken up again, and claimed.
  std::unique_ptr<PlacedAgent> placed_;  ///< None before it has been placed, and after it has been removed.
  UniqueFd arena_file_;
  std::optional<ArenaMemory> arena_memory_;
  std::unique_ptr<LifeSign> life_sign_;  ///< In the arena.
  InjectionReport report_;
};

/// kRefused: the process's memory cgroup has no room for what the process itself has to pay for.
Result<void> CheckMemoryHeadroom(const ProcessIdentity& process);

}  // namespace pyleak::attach
