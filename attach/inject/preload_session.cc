#include "attach/inject/preload_session.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <span>
#include <type_traits>

#include "attach/agent/embedded_agent.h"
#include "attach/agent/protocol.h"
#include "attach/base/file.h"
#include "attach/inject/loaded_modules.h"
#include "attach/inject/preload_environment.h"
#include "attach/memory/process_memory.h"
#include "attach/proc/living_thread.h"
#include "attach/proc/maps.h"

namespace pyleak::attach {
namespace {

constexpr std::string_view kHeartbeatPrefix = "pyleak-heartbeat-";

/// What `make` returns for the first directory where it succeeds, or its last error.
template <typename Make>
std::invoke_result_t<Make, const std::string&> InSomeDirectory(Make make) {
  Error why{ErrorCode::kNotPermitted,
            "none of $XDG_RUNTIME_DIR, $TMPDIR, /dev/shm, /tmp and /var/tmp is fit for files"};
  for (const std::string& directory : SessionDirectories()) {
    auto made = make(directory);
    if (made) return made;
    why = std::move(made).error();
  }
  return why;
}

Result<void> WriteAll(const UniqueFd& file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError("write");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

/// Whether code of this file may be executed: the only sure test, since besides a mount's noexec a security module may
/// forbid it.
Result<void> CheckExecutable(const UniqueFd& file) {
  void* const page = ::mmap(nullptr, PYLEAK_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, file.get(), 0);
  if (page == MAP_FAILED) return ErrnoError("mapping code");
  ::munmap(page, PYLEAK_PAGE);
  return {};
}

/// Readable by everybody: a program that gives up root and starts another would hear from the linker otherwise.
Result<SessionFile> WriteAgent(const std::string& directory) {
  RemoveLeftovers(directory, kPreloadedAgentPrefix);
  auto agent = SessionFile::Create(directory, kPreloadedAgentPrefix);
  if (!agent) return agent;
  auto done = WriteAll(agent->file(), EmbeddedAgent());
  if (done && ::fchmod(agent->file().get(), 0555) != 0) done = ErrnoError("fchmod");
  if (done) done = CheckExecutable(agent->file());
  if (!done) return std::move(done).error().While("writing the agent to " + agent->path());
  return agent;
}

}  // namespace

Result<PreloadSession> PreloadSession::Begin(std::chrono::nanoseconds threshold, bool follow_children) {
  auto agent = InSomeDirectory(WriteAgent);
  if (!agent) return std::move(agent).error();
  return InSomeDirectory([&](const std::string& directory) -> Result<PreloadSession> {
    RemoveLeftovers(directory, kHeartbeatPrefix);
    auto heartbeat = SessionFile::Create(directory, kHeartbeatPrefix);
    if (!heartbeat) return std::move(heartbeat).error();
    auto memory = ArenaMemory::Make(heartbeat->file(), kMostRegions, threshold, follow_children);
    if (!memory) return std::move(memory).error().While("creating " + heartbeat->path());
    return PreloadSession(*std::move(agent), *std::move(heartbeat), *std::move(memory));
  });
}

PreloadSession::~PreloadSession() {
  if (agent_.path().empty() || !AnyProcessUses(agent_.path())) return;
  agent_.Abandon();
  heartbeat_.Abandon();
}

std::vector<std::string> PreloadSession::Environment(const char* const* inherited) const {
  return PreloadEnvironment(inherited, agent_.path(), heartbeat_.path());
}

std::uint64_t PreloadSession::unwatched_processes() const { return memory_.IsFull() ? arena().dropped_processes() : 0; }

Result<void> PreloadSession::CheckLoaded(const ProcessIdentity& process) const {
  const auto map = MemoryMap::Read(process.pid());
  if (!map) return map.error();
  const bool loaded =
      std::ranges::any_of(map->mappings(), [this](const Mapping& mapping) { return mapping.path == agent_.path(); });
  if (loaded) return {};
  const auto memory = ProcessMemory::Open(process);
  if (!memory) return memory.error();
  if (const auto modules = LoadedModules::Read(process, *memory, *map); !modules) return modules.error();
  if (ReadAuxiliaryVector(process).secure) {
    return Error{ErrorCode::kRefused,
                 "the program has other rights than who started it (set-user-ID, capabilities), so "
                 "that its dynamic linker loads no agent"};
  }
  const auto environment = ReadTextFile(SharedProcPath(process.pid(), "environ"));
  if (environment.ok() && environment->find(agent_.path()) == std::string::npos) {
    return Error{ErrorCode::kRefused, "the program was started without the environment that names the agent"};
  }
  return {};
}

}  // namespace pyleak::attach
