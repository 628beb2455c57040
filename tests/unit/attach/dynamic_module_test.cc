#include "attach/inject/dynamic_module.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "attach/agent/embedded_agent.h"
#include "attach/inject/agent_image.h"
#include "attach/inject/loaded_modules.h"
#include "attach/inject/placed_agent.h"

namespace pyleak::attach {
namespace {

constexpr std::uint64_t kBase = 0x10000;

/// One stretch of memory at kBase, filled with whatever a test puts there.
class ForgedMemory : public MemoryReader {
 public:
  explicit ForgedMemory(std::size_t bytes) : bytes_(bytes) {}

  template <typename T>
  void Put(std::uint64_t offset, const T& value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof(value));
  }

  std::size_t Read(RemoteAddress from, std::span<std::byte> into) const override {
    ++reads_;
    const std::uint64_t offset = from.value() - kBase;
    if (from.value() < kBase || offset >= bytes_.size()) return 0;
    const std::size_t count = std::min<std::size_t>(into.size(), bytes_.size() - offset);
    std::copy_n(bytes_.data() + offset, count, into.data());
    return count;
  }

  [[nodiscard]] int reads() const { return reads_; }

 private:
  std::vector<std::byte> bytes_;
  mutable int reads_ = 0;
};

/// A dynamic section at 0x100, and behind it strings at 0x400, symbols at 0x500, relocations at 0x600, a hash at 0x800.
class ForgedModule {
 public:
  ForgedModule() {
    Add(DT_STRTAB, 0x400);
    Add(DT_STRSZ, 0x100);
    Add(DT_SYMTAB, 0x500);
    std::memcpy(strings_, "\0poll\0other\0", 12);
    memory.Put(0x400, strings_);
  }

  void Add(std::int64_t tag, std::uint64_t value) {
    memory.Put(0x100 + count_++ * sizeof(Elf64_Dyn), Elf64_Dyn{tag, {value}});
  }
  void AddSymbol(std::size_t index, std::uint32_t name, std::uint16_t section, std::uint64_t value) {
    Elf64_Sym symbol{};
    symbol.st_name = name;
    symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    symbol.st_shndx = section;
    symbol.st_value = value;
    memory.Put(0x500 + index * sizeof(symbol), symbol);
  }
  std::optional<DynamicModule> Parse() {
    return DynamicModule::Parse(memory, RemoteAddress(kBase), RemoteAddress(kBase + 0x100));
  }

  ForgedMemory memory{0x2000};

 private:
  std::size_t count_ = 0;
  char strings_[16] = {};
};

constexpr std::array<std::string_view, 1> kPoll = {"poll"};

TEST(DynamicModule, FindsImportsOfBothKinds) {
  ForgedModule forged;
  forged.AddSymbol(1, 1, SHN_UNDEF, 0);
  forged.AddSymbol(2, 6, SHN_UNDEF, 0);
  forged.memory.Put(0x600, Elf64_Rela{0x1800, ELF64_R_INFO(1, R_X86_64_JUMP_SLOT), 0});
  forged.memory.Put(0x618, Elf64_Rela{0x1810, ELF64_R_INFO(2, R_X86_64_JUMP_SLOT), 0});
  forged.memory.Put(0x630, Elf64_Rela{0x1820, ELF64_R_INFO(1, R_X86_64_GLOB_DAT), 0});
  forged.memory.Put(0x648, Elf64_Rela{0x1830, ELF64_R_INFO(1, R_X86_64_64), 0});
  forged.Add(DT_JMPREL, 0x600);
  forged.Add(DT_PLTRELSZ, 48);
  forged.Add(DT_RELA, 0x630);
  forged.Add(DT_RELASZ, 48);
  const auto module = forged.Parse();
  ASSERT_TRUE(module.has_value());
  const auto imports = module->FindImports(kPoll);
  ASSERT_EQ(imports.size(), 2U);
  EXPECT_EQ(imports[0].address, RemoteAddress(kBase + 0x1800));
  EXPECT_TRUE(imports[0].only_called);
  EXPECT_EQ(imports[1].address, RemoteAddress(kBase + 0x1820));
  EXPECT_FALSE(imports[1].only_called);
}

TEST(DynamicModule, FindsADefinitionBySysvHashAndSkipsImports) {
  ForgedModule forged;
  forged.AddSymbol(1, 1, SHN_UNDEF, 0);
  forged.AddSymbol(2, 1, 5, 0x1234);
  forged.memory.Put(0x800, std::array<std::uint32_t, 6>{1, 3, /*bucket*/ 1, /*chains*/ 0, 2, 0});
  forged.Add(DT_HASH, 0x800);
  EXPECT_EQ(forged.Parse()->FindDefinition("poll"), RemoteAddress(kBase + 0x1234));
  EXPECT_FALSE(forged.Parse()->FindDefinition("other").has_value());
}

TEST(DynamicModule, EndsInAChainThatIsARing) {
  ForgedModule forged;
  forged.AddSymbol(1, 6, 5, 0x1234);
  forged.memory.Put(0x800, std::array<std::uint32_t, 5>{1, 2, /*bucket*/ 1, /*chains*/ 0, 1});
  forged.Add(DT_HASH, 0x800);
  EXPECT_FALSE(forged.Parse()->FindDefinition("poll").has_value());
  EXPECT_LT(forged.memory.reads(), 20'000);
}

TEST(DynamicModule, SurvivesImpossibleNumbers) {
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x7fffffffffff}, ~std::uint64_t{0}}) {
    for (const std::int64_t tag :
         {DT_JMPREL, DT_PLTRELSZ, DT_RELA, DT_RELASZ, DT_GNU_HASH, DT_HASH, DT_STRTAB, DT_STRSZ, DT_SYMTAB}) {
      ForgedModule forged;
      forged.Add(DT_JMPREL, 0x600);
      forged.Add(DT_PLTRELSZ, 48);
      forged.memory.Put(0x600, Elf64_Rela{0x1800, ELF64_R_INFO(0xffffffff, R_X86_64_JUMP_SLOT), 0});
      forged.Add(tag, value);
      const auto module = forged.Parse();
      if (!module) continue;
      EXPECT_TRUE(module->FindImports(kPoll).empty());
      EXPECT_FALSE(module->FindDefinition("poll").has_value());
    }
  }
}

TEST(DynamicModule, IsNothingWhereThereIsNoEnd) {
  ForgedMemory memory(0x2000);
  for (std::uint64_t i = 0; i < 0x2000; i += sizeof(Elf64_Dyn)) memory.Put(i, Elf64_Dyn{DT_NEEDED, {1}});
  EXPECT_FALSE(DynamicModule::Parse(memory, RemoteAddress(kBase), RemoteAddress(kBase)).has_value());
  EXPECT_FALSE(DynamicModule::ParseAt(memory, RemoteAddress(kBase)).has_value());
}

TEST(AgentImage, HasWhatPyleakCallsAndWhatItRedirectsTo) {
  const auto image = AgentImage::Lay(EmbeddedAgent());
  ASSERT_TRUE(image.ok()) << image.error().what;
  EXPECT_LT(image->text().size(), image->bytes().size());
  for (const char* name : {PYLEAK_FUNCTION_NAMES}) EXPECT_TRUE(image->HookFor(name).has_value()) << name;
  const auto agent = PlacedAgent::At(*image, RemoteAddress());
  ASSERT_TRUE(agent.has_value());
  EXPECT_FALSE(agent->system_call_return().is_null());
  EXPECT_EQ(agent->returns().size(), 9U) << "one for each wait call but syscall";
  const auto moved = agent->MovedTo(RemoteAddress(kBase));
  EXPECT_EQ(moved.context() - agent->context(), kBase);
  EXPECT_EQ(moved.range().size_bytes(), image->bytes().size());
}

TEST(AgentImage, IsNotLaidFromADamagedFile) {
  const auto whole = EmbeddedAgent();
  for (std::size_t bytes = 0; bytes < whole.size(); bytes += 997) {
    (void)AgentImage::Lay(whole.first(bytes));  // must not read behind the end
  }
  EXPECT_FALSE(AgentImage::Lay(whole.first(100)).ok());
  EXPECT_FALSE(AgentImage::Lay({}).ok());
}

TEST(AuxiliaryVector, IsReadUpToItsLastWholeEntry) {
  const std::array<std::uint64_t, 7> words = {AT_PHDR, 0x40, AT_PHNUM, 13, AT_SYSINFO_EHDR, 0x7fff0000, AT_PHDR};
  const auto auxiliary = ParseAuxiliaryVector({reinterpret_cast<const char*>(words.data()), sizeof(words)});
  EXPECT_EQ(auxiliary.program_headers, RemoteAddress(0x40));
  EXPECT_EQ(auxiliary.program_header_count, 13U);
  EXPECT_EQ(auxiliary.vdso, RemoteAddress(0x7fff0000));
}

}  // namespace
}  // namespace pyleak::attach
