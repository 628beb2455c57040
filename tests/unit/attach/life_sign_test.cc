#include "attach/memory/life_sign.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <optional>

namespace pyleak::attach {
namespace {

/// A word that a child of the test shares.
class LifeSignTest : public testing::Test {
 protected:
  void SetUp() override {
    void* page = ::mmap(nullptr, sizeof(std::uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(page, MAP_FAILED);
    word_ = static_cast<std::uint32_t*>(page);
  }
  void TearDown() override { ::munmap(word_, sizeof(std::uint32_t)); }

  [[nodiscard]] bool SaysAlive() const { return LifeSign::SaysAlive(__atomic_load_n(word_, __ATOMIC_ACQUIRE)); }

  std::uint32_t* word_ = nullptr;
};

TEST_F(LifeSignTest, IsThereAsLongAsItsObject) {
  EXPECT_FALSE(SaysAlive());
  {
    const LifeSign sign(*word_);
    EXPECT_TRUE(SaysAlive());
  }
  EXPECT_FALSE(SaysAlive());
}

TEST_F(LifeSignTest, EndsWithItsProcess) {
  for (const int how : {SIGKILL, SIGSEGV, SIGTERM}) {
    const pid_t child = ::fork();
    if (child == 0) {
      const LifeSign sign(*word_);
      if (!SaysAlive()) std::_Exit(1);
      ::signal(how, SIG_DFL);
      ::raise(how);
      std::_Exit(2);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == how) << status;
    EXPECT_FALSE(SaysAlive());
    EXPECT_NE(*word_, 0U) << "the kernel has marked it, and nobody has taken it back";
  }
}

TEST_F(LifeSignTest, DoesNotEndWithAnother) {
  const LifeSign sign(*word_);
  std::thread([] {}).join();
  const pid_t child = ::fork();
  if (child == 0) std::_Exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(SaysAlive());
}

TEST_F(LifeSignTest, IsWhatOthersMakeOfIt) {
  std::optional<LifeSign> sign(std::in_place, *word_);
  *word_ = 0xffffffff;
  EXPECT_FALSE(SaysAlive());
  *word_ = 1;
  EXPECT_TRUE(SaysAlive());
  sign.reset();
  EXPECT_FALSE(SaysAlive());
}

}  // namespace
}  // namespace pyleak::attach
