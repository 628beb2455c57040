#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "attach/inject/injected_agent.h"
#include "attach/proc/memory_cgroup.h"
#include "tests/process/attach/forked_target.h"

namespace pyleak::attach {
namespace {

using test::Eventually;
using test::ForkedTarget;

struct State {
  std::atomic<int> rounds{0};
};

void Limit(__rlimit_resource resource, rlim_t value) {
  const rlimit limit{value, value};
  if (::setrlimit(resource, &limit) != 0) std::abort();
}

rlim_t AddressSpaceInUse() {
  std::ifstream statm("/proc/self/statm");
  rlim_t pages = 0;
  statm >> pages;
  return pages * static_cast<rlim_t>(::getpagesize());
}

/// A loop that first meets the limit, and does nothing afterwards that would need more.
template <typename Meet>
ForkedTarget<State> LoopAtItsLimit(Meet meet) {
  return ForkedTarget<State>([meet](State& state) {
    const int epoll = ::epoll_create1(0);
    epoll_event event{};
    meet();
    for (;;) {
      if (::epoll_wait(epoll, &event, 1, 1) < 0) std::abort();
      ++state.rounds;
    }
  });
}

/// Address ranges, protections and names of everything that is mapped, and the open files.
std::string Possessions(int pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream maps(folder + "/maps");
  std::string text(std::istreambuf_iterator<char>(maps), {});
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/fd")) text += entry.path().string() + '\n';
  return text;
}

bool GoesOn(const ForkedTarget<State>& target) {
  const int rounds = target.shared().rounds;
  return Eventually([&] { return target.shared().rounds > rounds + 3; });
}

void ExpectWatchable(const ForkedTarget<State>& target) {
  ASSERT_TRUE(GoesOn(target));
  const std::string before = Possessions(target.pid());
  const auto process = ProcessIdentity::Open(target.pid());
  {
    auto agent = InjectedAgent::Inject(*process, {});
    ASSERT_TRUE(agent.ok()) << agent.error().what;
    EXPECT_TRUE(Eventually([&] { return !agent->heartbeat().Read().empty(); }));
    EXPECT_TRUE(GoesOn(target));
    const auto removed = agent->Remove();
    ASSERT_TRUE(removed.ok()) << removed.error().what;
    EXPECT_TRUE(removed->unmapped()) << removed->left_because;
  }
  EXPECT_TRUE(GoesOn(target));
  EXPECT_EQ(Possessions(target.pid()), before);
}

void ExpectRefusal(const ForkedTarget<State>& target, std::string_view why) {
  ASSERT_TRUE(GoesOn(target));
  const std::string before = Possessions(target.pid());
  const auto process = ProcessIdentity::Open(target.pid());
  const auto agent = InjectedAgent::Inject(*process, {});
  ASSERT_FALSE(agent.ok());
  EXPECT_NE(agent.error().what.find(why), std::string::npos) << agent.error().what;
  EXPECT_TRUE(GoesOn(target));
  EXPECT_EQ(Possessions(target.pid()), before);
}

TEST(TargetAtItsLimit, OfFileSizeIsWatched) {
  ExpectWatchable(LoopAtItsLimit([] { Limit(RLIMIT_FSIZE, 0); }));
}

TEST(TargetAtItsLimit, OfAddressSpaceIsRefused) {
  ExpectRefusal(LoopAtItsLimit([] { Limit(RLIMIT_AS, AddressSpaceInUse()); }), "Cannot allocate memory");
}

TEST(TargetAtItsLimit, OfAddressSpaceAfterTheFirstMappingIsRefused) {
  ExpectRefusal(LoopAtItsLimit([] { Limit(RLIMIT_AS, AddressSpaceInUse() + (128U << 10)); }), "Cannot allocate memory");
}

TEST(TargetAtItsLimit, OfDataIsRefused) {
  ExpectRefusal(LoopAtItsLimit([] { Limit(RLIMIT_DATA, 0); }), "Cannot allocate memory");
}

TEST(TargetAtItsLimit, OfOpenFilesIsRefused) {
  ExpectRefusal(LoopAtItsLimit([] { Limit(RLIMIT_NOFILE, 0); }), "Too many open files");
}

TEST(TargetAtItsLimit, OfLockedMemoryIsWatched) {
  ExpectWatchable(LoopAtItsLimit([] {
    if (::mlockall(MCL_CURRENT | MCL_FUTURE) != 0) std::abort();
  }));
}

TEST(TargetAtItsLimit, OfLockedMemoryWithoutTheRightToMoreIsRefused) {
  ExpectRefusal(LoopAtItsLimit([] {
                  if (::setresuid(65534, 65534, 65534) != 0) std::abort();
                  Limit(RLIMIT_MEMLOCK, 64U << 10);
                  if (::mlockall(MCL_FUTURE) != 0) std::abort();
                  if (::mmap(nullptr, 56U << 10, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
                    std::abort();
                }),
                "Resource temporarily unavailable");
}

/// Neighbours of different protection are mappings of their own (mmap(2): ENOMEM at vm.max_map_count).
void MapAsManyAsPossible() {
  const auto page = static_cast<std::size_t>(::getpagesize());
  std::ifstream file("/proc/sys/vm/max_map_count");
  std::size_t most = 0;
  file >> most;
  auto* memory =
      static_cast<std::byte*>(::mmap(nullptr, most * 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (memory == MAP_FAILED) std::abort();
  for (std::size_t i = 0; i < most; ++i) {
    if (::mprotect(memory + 2 * i * page, page, PROT_READ) != 0) return;
  }
}

TEST(TargetAtItsLimit, OfMappingsIsRefused) {
  ExpectRefusal(LoopAtItsLimit(MapAsManyAsPossible), "Cannot allocate memory");
}

/// Room for one more, which the image takes, or for a second, with which its code and its data are told apart; not for
/// the page that is wiped on fork.
TEST(TargetAtItsLimit, OfMappingsHalfwayThroughIsRefused) {
  for (const std::size_t room : {1U, 2U}) {
    SCOPED_TRACE(room);
    ExpectRefusal(LoopAtItsLimit([room] {
                    const auto page = static_cast<std::size_t>(::getpagesize());
                    const std::size_t bytes = room * page;
                    auto* const spare =
                        static_cast<std::byte*>(::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
                    for (std::size_t i = 1; i < room; i += 2) ::mprotect(spare + i * page, page, PROT_READ);
                    MapAsManyAsPossible();
                    ::munmap(spare, bytes);
                  }),
                  "placing the agent");
  }
}

TEST(TargetAtItsLimit, OfPrivilegesForEverIsWatched) {
  ExpectWatchable(LoopAtItsLimit([] {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) std::abort();
  }));
}

/// The kernel may drop, share or join its pages at any time, and forgets some of them in a fork.
TEST(TargetAtItsLimit, OfWhatItAdvisesIsWatched) {
  const ForkedTarget<State> target([](State& state) {
    constexpr std::size_t kBytes = std::size_t{8} << 20;
    auto* const memory =
        static_cast<std::byte*>(::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    const int epoll = ::epoll_create1(0);
    epoll_event event{};
    const std::array<int, 6> kinds = {MADV_DONTNEED, MADV_FREE,     MADV_DONTFORK,
                                      MADV_DOFORK,   MADV_HUGEPAGE, MADV_NOHUGEPAGE};
    for (std::size_t i = 0;; ++i) {
      std::memset(memory, 1, kBytes / 64);
      for (const int kind : kinds) ::madvise(memory, kBytes, kind);
      if (::epoll_wait(epoll, &event, 1, 1) < 0) std::abort();
      ++state.rounds;
    }
  });
  for (int i = 0; i < 5; ++i) {
    const auto process = ProcessIdentity::Open(target.pid());
    auto agent = InjectedAgent::Inject(*process, {});
    ASSERT_TRUE(agent.ok()) << agent.error().what;
    EXPECT_TRUE(GoesOn(target));
    const auto removed = agent->Remove();
    ASSERT_TRUE(removed.ok()) << removed.error().what;
    EXPECT_TRUE(removed->unmapped()) << removed->left_because;
  }
  EXPECT_TRUE(GoesOn(target));
}

/// A memory cgroup of its own for one process; the folder is empty where none can be made.
class OwnMemoryCgroup {
 public:
  OwnMemoryCgroup() {
    const auto text = [](const char* path) {
      std::ifstream file(path);
      return std::string(std::istreambuf_iterator<char>(file), {});
    };
    const auto own = FindMemoryCgroup(text("/proc/self/cgroup"), text("/proc/self/mountinfo"));
    if (!own) return;
    unified_ = own->unified;
    const std::string folder = own->mount_point + "/pyleak-test-" + std::to_string(::getpid());
    std::error_code error;
    if (std::filesystem::create_directory(folder, error) && !error) folder_ = folder;
  }
  ~OwnMemoryCgroup() {
    std::error_code error;
    const auto remove = [&] { return folder_.empty() || std::filesystem::remove(folder_, error); };
    EXPECT_TRUE(Eventually(remove)) << error.message();
  }

  [[nodiscard]] bool exists() const { return !folder_.empty(); }
  void Take(int pid) const { Write("cgroup.procs", std::to_string(pid)); }
  /// Lets it use so much more than it does.
  void LimitTo(std::uint64_t more) const {
    std::ifstream file(folder_ + (unified_ ? "/memory.current" : "/memory.usage_in_bytes"));
    std::uint64_t used = 0;
    file >> used;
    Write(unified_ ? "memory.max" : "memory.limit_in_bytes", std::to_string(used + more));
  }

 private:
  void Write(const std::string& name, const std::string& value) const {
    std::ofstream file(folder_ + "/" + name);
    file << value << std::flush;
    EXPECT_TRUE(file.good()) << name;
  }

  std::string folder_;
  bool unified_ = false;
};

/// Takes all its memory anew, so that its own cgroup pays for it.
ForkedTarget<State> LoopInACgroup(const OwnMemoryCgroup& cgroup) {
  return LoopAtItsLimit([&cgroup] {
    cgroup.Take(::getpid());
    constexpr std::size_t kBytes = std::size_t{4} << 20;
    void* const memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(memory, 1, kBytes);
  });
}

/// Less than the heartbeat takes, which is not the target's to pay for.
TEST(TargetAtItsLimit, OfItsMemoryCgroupIsWatchedOrRefused) {
  const OwnMemoryCgroup cgroup;
  if (!cgroup.exists()) GTEST_SKIP() << "no memory cgroup can be made here";
  const ForkedTarget<State> target = LoopInACgroup(cgroup);
  ASSERT_TRUE(GoesOn(target));
  cgroup.LimitTo(std::uint64_t{512} << 10);
  ExpectWatchable(target);
  cgroup.LimitTo(std::uint64_t{64} << 10);
  ExpectRefusal(target, "memory cgroup is full");
}

}  // namespace
}  // namespace pyleak::attach
