#include "attach/inject/arena_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace pyleak::attach {
namespace {

UniqueFd Memfd(const char* name, unsigned flags = MFD_ALLOW_SEALING) {
  return UniqueFd(::memfd_create(name, MFD_CLOEXEC | flags));
}

/// Of this process, which the one that is watched is played by.
Result<UniqueFd> OpenOwn(const UniqueFd& file) { return OpenArenaFile(*ProcessIdentity::Open(::getpid()), file.get()); }

TEST(OpenArenaFile, OpensWhatAnAgentMakes) {
  const UniqueFd made = Memfd("pyleak");
  const auto opened = OpenOwn(made);
  ASSERT_TRUE(opened.ok()) << opened.error().what;
  ASSERT_EQ(::pwrite(opened->get(), "x", 1, 0), 1);
  char byte = 0;
  EXPECT_EQ(::pread(made.get(), &byte, 1, 0), 1);
}

TEST(OpenArenaFile, OpensNothingElse) {
  const UniqueFd used = Memfd("pyleak");
  ASSERT_EQ(::pwrite(used.get(), "x", 1, 0), 1);
  EXPECT_FALSE(OpenOwn(used).ok());
  EXPECT_FALSE(OpenOwn(Memfd("other")).ok());
  EXPECT_FALSE(OpenOwn(Memfd("pyleak", 0)).ok());  // cannot be sealed
  EXPECT_FALSE(OpenOwn(UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))).ok());
  EXPECT_FALSE(OpenOwn(UniqueFd(::open("/etc/passwd", O_PATH | O_CLOEXEC))).ok());
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  EXPECT_FALSE(OpenOwn(reader).ok());
  EXPECT_FALSE(OpenOwn(UniqueFd()).ok());
}

TEST(ArenaMemory, KeepsItsSizeOnceItIsSealed) {
  const UniqueFd file = Memfd("pyleak");
  auto memory = ArenaMemory::Make(file, 2, std::chrono::milliseconds(1), false);
  ASSERT_TRUE(memory.ok());
  ASSERT_TRUE(ArenaMemory::Seal(file).ok());
  EXPECT_NE(::ftruncate(file.get(), 0), 0);
  EXPECT_NE(::ftruncate(file.get(), off_t{1} << 30), 0);
  memory->KeepRoom(file);
}

}  // namespace
}  // namespace pyleak::attach
