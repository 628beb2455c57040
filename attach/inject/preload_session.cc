#include "attach/inject/preload_session.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <span>

#include "attach/agent/embedded_agent.h"
#include "attach/agent/protocol.h"
#include "attach/inject/preload_environment.h"

namespace pyleak::attach {
namespace {

constexpr std::string_view kHeartbeatPrefix = "pyleak-heartbeat-";

/// Processes that can be watched at once, and how many more than there are find room at any moment.
constexpr std::uint32_t kMostRegions = 64;
constexpr std::uint32_t kSpareRegions = 16;

/// What `make` returns for the first directory where it succeeds, or its last error.
Result<SessionFile> InSomeDirectory(Result<SessionFile> (*make)(const std::string& directory)) {
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

/// Has the file system set the memory of that many regions aside.
Result<void> Provide(const UniqueFd& heartbeat, std::uint32_t region_count) {
  int error = EINTR;
  while (error == EINTR) error = ::posix_fallocate(heartbeat.get(), 0, PYLEAK_ARENA_BYTES(off_t{region_count}));
  if (error != 0) return ErrnoError("providing memory for the heartbeat", error);
  return {};
}

Result<SessionFile> MakeHeartbeat(const std::string& directory) {
  RemoveLeftovers(directory, kHeartbeatPrefix);
  auto heartbeat = SessionFile::Create(directory, kHeartbeatPrefix);
  if (!heartbeat) return heartbeat;
  if (::ftruncate(heartbeat->file().get(), PYLEAK_ARENA_BYTES(off_t{kMostRegions})) != 0)
    return ErrnoError("ftruncate");
  auto provided = Provide(heartbeat->file(), kSpareRegions);
  if (!provided) return std::move(provided).error().While("creating " + heartbeat->path());
  return heartbeat;
}

std::uint32_t FreeRegions(const Arena& arena) {
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < arena.region_count(); ++i) count += arena.region(i).live() ? 0 : 1;
  return count;
}

}  // namespace

Result<PreloadSession> PreloadSession::Begin(std::chrono::nanoseconds threshold, bool follow_children) {
  auto agent = InSomeDirectory(WriteAgent);
  if (!agent) return std::move(agent).error();
  auto heartbeat = InSomeDirectory(MakeHeartbeat);
  if (!heartbeat) return std::move(heartbeat).error();
  auto memory = SharedMemory::Map(heartbeat->file(), PYLEAK_ARENA_BYTES(kMostRegions));
  if (!memory) return std::move(memory).error();
  auto arena = Arena::Make(memory->bytes(), kSpareRegions, threshold, follow_children);
  if (!arena) return std::move(arena).error();
  return PreloadSession(*std::move(agent), *std::move(heartbeat), *std::move(memory), *arena);
}

PreloadSession::~PreloadSession() {
  if (agent_.path().empty() || !AnyProcessUses(agent_.path())) return;
  agent_.Abandon();
  heartbeat_.Abandon();
}

std::vector<std::string> PreloadSession::Environment(const char* const* inherited) const {
  return PreloadEnvironment(inherited, agent_.path(), heartbeat_.path());
}

void PreloadSession::KeepRoom() {
  const std::uint32_t count = arena_.region_count();
  if (count >= kMostRegions || FreeRegions(arena_) >= kSpareRegions) return;
  const std::uint32_t more = std::min(count + kSpareRegions, kMostRegions);
  if (Provide(heartbeat_.file(), more)) arena_.Grow(more);
}

std::uint64_t PreloadSession::unwatched_processes() const {
  return arena_.region_count() < kMostRegions ? 0 : arena_.dropped_processes();
}

}  // namespace pyleak::attach
