#include "attach/memory/shared_memory.h"

#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace pyleak::attach {
namespace {

UniqueFd MemoryFile(off_t size_bytes) {
  UniqueFd file(::memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(::ftruncate(file.get(), size_bytes), 0);
  return file;
}

TEST(SharedMemory, IsTheFilesOwn) {
  const auto file = MemoryFile(8192);
  auto memory = SharedMemory::Map(file, 8192);
  ASSERT_TRUE(memory.ok());
  memory->bytes()[5000] = std::byte{42};
  char byte = 0;
  ASSERT_EQ(::pread(file.get(), &byte, 1, 5000), 1);
  EXPECT_EQ(byte, 42);
}

TEST(SharedMemory, RefusesWhatIsTooSmallOrNoFile) {
  const auto small = SharedMemory::Map(MemoryFile(4096), 8192);
  ASSERT_FALSE(small.ok());
  EXPECT_EQ(small.error().code, ErrorCode::kCorrupt);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  EXPECT_FALSE(SharedMemory::Map(reader, 4096).ok());
}

TEST(SharedMemory, ReadsAsZerosWhereTheFileHasBeenCutOff) {
  const auto file = MemoryFile(8192);
  auto memory = SharedMemory::Map(file, 8192);
  ASSERT_TRUE(memory.ok());
  memory->bytes()[5000] = std::byte{42};
  ASSERT_EQ(::ftruncate(file.get(), 0), 0);
  EXPECT_EQ(memory->bytes()[5000], std::byte{0});
}

}  // namespace
}  // namespace pyleak::attach
