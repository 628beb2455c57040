#include "symbolize/elf/module_map.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attach/memory/process_memory.h"

namespace pyleak::symbolize {
namespace {

RemoteAddress AddressOf(const void* pointer) { return RemoteAddress(reinterpret_cast<std::uint64_t>(pointer)); }

/// This process is its own target: its loader knows the truth.
class ModuleMapTest : public testing::Test {
 protected:
  attach::ProcessIdentity self_ = *attach::ProcessIdentity::Open(::getpid());
  attach::ProcessMemory memory_ = *attach::ProcessMemory::Open(self_);
  ModuleMap map_ = *ModuleMap::Read(self_, memory_);
};

TEST_F(ModuleMapTest, KnowsTheModuleAndItsBias) {
  void* const poll = ::dlsym(RTLD_DEFAULT, "poll");
  Dl_info info{};
  ASSERT_NE(::dladdr(poll, &info), 0);
  const Module* const module = map_.Find(AddressOf(poll));
  ASSERT_NE(module, nullptr);
  EXPECT_EQ(module->bias, AddressOf(info.dli_fbase).value());
  EXPECT_EQ(module->image->FunctionAt(AddressOf(poll).value() - module->bias)->name, "poll");
}

TEST_F(ModuleMapTest, FindsOneModuleForCodeAndForDataOfAFile) {
  static const int constant = 1;
  static int variable = 2;
  const Module* const module = map_.Find(AddressOf(&constant));
  ASSERT_NE(module, nullptr);
  EXPECT_EQ(module, map_.Find(AddressOf(&variable)));
  EXPECT_EQ(module, map_.Find(AddressOf(reinterpret_cast<const void*>(&AddressOf))));
}

TEST_F(ModuleMapTest, ReadsTheVdsoFromMemory) {
  const RemoteAddress vdso(::getauxval(AT_SYSINFO_EHDR));
  const Module* const module = map_.Find(vdso);
  ASSERT_NE(module, nullptr);
  EXPECT_EQ(module->path, "[vdso]");
  EXPECT_TRUE(module->image->FindSymbol("__vdso_clock_gettime").has_value());
}

TEST_F(ModuleMapTest, HasNoModuleForTheStackAndForAnonymousCode) {
  const int local = 0;
  EXPECT_EQ(map_.Find(AddressOf(&local)), nullptr);
  EXPECT_EQ(map_.Find(RemoteAddress(0)), nullptr);
  EXPECT_EQ(map_.Find(RemoteAddress(~std::uint64_t{0})), nullptr);
  void* const code = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_TRUE(map_.Refresh());
  EXPECT_FALSE(map_.Refresh());
  EXPECT_EQ(map_.Find(AddressOf(code)), nullptr);
  const auto agent = map_.Find(RemoteAddress(::getauxval(AT_SYSINFO_EHDR)))->image;
  map_.AddImage({AddressOf(code), AddressOf(code) + 4096}, "agent", agent, 0);
  EXPECT_EQ(map_.Find(AddressOf(code) + 4095)->path, "agent");
  EXPECT_EQ(map_.Find(AddressOf(code) + 4096), nullptr);
  ::munmap(code, 4096);
}

TEST_F(ModuleMapTest, ListsModulesInOrderOfAddress) {
  const auto modules = map_.modules();
  ASSERT_GE(modules.size(), 3U);
  for (std::size_t i = 1; i < modules.size(); ++i) {
    EXPECT_LT(modules[i - 1]->ranges.front().begin, modules[i]->ranges.front().begin);
  }
}

}  // namespace
}  // namespace pyleak::symbolize
