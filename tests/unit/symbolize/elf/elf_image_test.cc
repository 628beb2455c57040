#include "symbolize/elf/elf_image.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <random>

#include "attach/base/file.h"

namespace pyleak::symbolize {
namespace {

std::vector<std::byte> FileBytes(const std::string& path) {
  auto text = ReadTextFile(path, std::size_t{64} << 20);
  EXPECT_TRUE(text.ok());
  const auto bytes = std::as_bytes(std::span(*text));
  return {bytes.begin(), bytes.end()};
}

/// Everything that reads the image, so that a wrong offset has its chance to crash.
void UseAll(const ElfImage& image) {
  static_cast<void>(image.FindSymbol("malloc"));
  static_cast<void>(image.FindSection(".text"));
  static_cast<void>(image.build_id_hex());
  for (const auto& segment : image.segments()) {
    static_cast<void>(image.BytesAt(segment.address));
    static_cast<void>(image.FunctionAt(segment.address + segment.file_size / 2));
  }
}

/// A real function of a real library, and where the dynamic loader put it: the loader is the oracle.
struct Loaded {
  Dl_info info{};
  std::uint64_t address = 0;
};

Loaded LoadedFunction(const char* name) {
  Loaded loaded;
  void* const function = ::dlsym(RTLD_DEFAULT, name);
  EXPECT_NE(function, nullptr);
  EXPECT_NE(::dladdr(function, &loaded.info), 0);
  loaded.address = reinterpret_cast<std::uint64_t>(function) - reinterpret_cast<std::uint64_t>(loaded.info.dli_fbase);
  return loaded;
}

TEST(ElfImage, FindsSymbolsWhereTheLoaderFindsThem) {
  const Loaded poll = LoadedFunction("poll");
  const auto image = ElfImage::Open(*OpenFile(poll.info.dli_fname, O_RDONLY));
  ASSERT_TRUE(image.ok()) << image.error().what;
  const auto symbol = (*image)->FindSymbol("poll");
  ASSERT_TRUE(symbol.has_value());
  EXPECT_EQ(symbol->address, poll.address);
  // The library has `__poll` at the same address; the name that users know is given.
  EXPECT_EQ((*image)->FunctionAt(poll.address)->name, "poll");
  EXPECT_EQ((*image)->FunctionAt(poll.address + symbol->size - 1)->name, "poll");
  EXPECT_FALSE((*image)->FindSymbol("no such symbol").has_value());
  EXPECT_FALSE((*image)->FunctionAt(~std::uint64_t{0}).has_value());
}

TEST(ElfImage, ShowsTheFileAtAnAddressAsTheLoaderMappedIt) {
  const Loaded poll = LoadedFunction("poll");
  const auto image = ElfImage::Open(*OpenFile(poll.info.dli_fname, O_RDONLY));
  ASSERT_TRUE(image.ok());
  const auto code = (*image)->BytesAt(poll.address);
  ASSERT_GE(code.size(), 64U);
  EXPECT_EQ(std::memcmp(code.data(), poll.info.dli_saddr, 64), 0);
  EXPECT_TRUE((*image)->BytesAt(~std::uint64_t{0}).empty());
}

TEST(ElfImage, RefusesWhatIsNoElfFile) {
  EXPECT_FALSE(ElfImage::FromBytes({}).ok());
  EXPECT_FALSE(ElfImage::FromBytes(std::vector<std::byte>(4096)).ok());
  EXPECT_FALSE(ElfImage::Open(*OpenFile("/proc/self/status", O_RDONLY)).ok());
  EXPECT_FALSE(ElfImage::Open(*OpenFile("/dev/null", O_RDONLY)).ok());
  auto other_class = FileBytes("/proc/self/exe");
  other_class[4] = std::byte{1};  // EI_CLASS = ELFCLASS32
  const auto image = ElfImage::FromBytes(std::move(other_class));
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.error().code, ErrorCode::kWrongArchitecture);
}

TEST(ElfImage, SurvivesTruncatedFiles) {
  const auto whole = FileBytes("/proc/self/exe");
  for (std::size_t size = 1; size < whole.size(); size += 1 + size / 16) {
    const auto image = ElfImage::FromBytes({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    if (image) UseAll(**image);
  }
}

TEST(ElfImage, SurvivesForgedHeaders) {
  const auto library = FileBytes(LoadedFunction("cos").info.dli_fname);
  std::uint64_t section_headers = 0;
  std::memcpy(&section_headers, &library[offsetof(ElfW(Ehdr), e_shoff)], sizeof section_headers);
  ASSERT_LT(section_headers, library.size());
  std::mt19937_64 random(1);
  for (int round = 0; round < 300; ++round) {
    auto forged = library;
    for (int change = 0; change < 8; ++change) {
      // The ELF and program headers, or the section headers at the end.
      const std::size_t at =
          change % 2 == 0 ? 16 + random() % 700 : section_headers + random() % (library.size() - section_headers - 8);
      const std::uint64_t value = random() >> (random() % 64);
      std::memcpy(&forged[at], &value, 1 + random() % 8);
    }
    const auto image = ElfImage::FromBytes(std::move(forged));
    if (image) UseAll(**image);
  }
}

TEST(ElfImage, SurvivesAFileThatShrinksWhileItIsMapped) {
  UniqueFd file(::memfd_create("image", MFD_CLOEXEC));
  const auto bytes = FileBytes(LoadedFunction("cos").info.dli_fname);
  ASSERT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  const int shrinking = ::dup(file.get());
  const auto image = ElfImage::Open(std::move(file));
  ASSERT_TRUE(image.ok());
  ASSERT_EQ(::ftruncate(shrinking, 0), 0);
  ::close(shrinking);
  UseAll(**image);
  EXPECT_EQ((*image)->bytes().back(), std::byte{0});
}

}  // namespace
}  // namespace pyleak::symbolize
