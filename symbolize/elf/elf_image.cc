#include "symbolize/elf/elf_image.h"

#include <elfutils/libdwelf.h>
#include <fmt/format.h>
#include <gelf.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <mutex>

#include "attach/memory/mapped_file.h"
#include "symbolize/elf/symbol_index.h"

namespace pyleak::symbolize {
namespace {

/// What reading a file's symbols may cost, however often its sections name the same bytes. Chromium, about the largest
/// program there is, has some 1.5 million symbols, with 150 MB of names.
struct SymbolBudget {
  std::size_t symbols = 4'000'000;
  std::size_t name_bytes = std::size_t{512} << 20;
};
/// A longer one is no function's that anybody would recognise.
constexpr std::size_t kLongestName = UINT16_MAX;
/// Linkers make them of 8, 16 or 20 bytes, unless they are told the number.
constexpr ssize_t kLongestBuildId = 64;
/// The kernel starts no program with more than fit into one page (fs/binfmt_elf.c, load_elf_phdrs).
constexpr std::size_t kMaxProgramHeaders = 128;

struct ElfEnd {
  void operator()(Elf* elf) const { ::elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfEnd>;

/// Neither a section nor a file nor thread-local storage has an address of the kind that is asked for here.
bool HasAddress(const GElf_Sym& symbol) {
  const int type = GELF_ST_TYPE(symbol.st_info);
  const bool right_type = type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE || type == STT_GNU_IFUNC;
  return right_type && symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS;
}

std::span<const char> ContentOf(Elf_Scn* section) {
  const Elf_Data* const data = section == nullptr ? nullptr : ::elf_getdata(section, nullptr);
  if (data == nullptr || data->d_buf == nullptr) return {};
  return {static_cast<const char*>(data->d_buf), data->d_size};
}

/// Empty for one that does not end in time. Its length is kept: the file may be written to while we have it mapped.
std::string_view NameAt(std::span<const char> names, std::size_t offset) {
  if (offset >= names.size()) return {};
  const std::size_t limit = std::min(names.size() - offset, kLongestName);
  const std::size_t length = ::strnlen(&names[offset], limit);
  return length == limit ? std::string_view() : std::string_view(&names[offset], length);
}

void AppendSymbols(Elf* elf, Elf_Scn* section, const GElf_Shdr& header, SymbolBudget& budget,
                   std::vector<SymbolIndex::Entry>& entries) {
  Elf_Data* const data = ::elf_getdata(section, nullptr);
  if (data == nullptr || data->d_buf == nullptr) return;
  const std::span<const char> names = ContentOf(::elf_getscn(elf, header.sh_link));
  const std::size_t entry_bytes = ::gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);
  const std::size_t count = std::min(data->d_size / entry_bytes, budget.symbols);
  budget.symbols -= count;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Sym symbol;
    if (::gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr || !HasAddress(symbol)) continue;
    const std::string_view name = NameAt(names, symbol.st_name);
    if (name.empty() || name.size() > budget.name_bytes) continue;
    budget.name_bytes -= name.size();
    const int type = GELF_ST_TYPE(symbol.st_info);
    entries.push_back({.name_begin = name.data(),
                       .address = symbol.st_value,
                       .size = static_cast<std::uint32_t>(std::min<std::uint64_t>(symbol.st_size, UINT32_MAX)),
                       .name_bytes = static_cast<std::uint16_t>(name.size()),
                       .binding = static_cast<std::uint8_t>(GELF_ST_BIND(symbol.st_info)),
                       .function = type == STT_FUNC || type == STT_GNU_IFUNC});
  }
}

SymbolIndex ReadSymbols(Elf* elf) {
  SymbolBudget budget;
  std::vector<SymbolIndex::Entry> entries;
  bool complete = false;
  for (const GElf_Word table : {GElf_Word{SHT_SYMTAB}, GElf_Word{SHT_DYNSYM}}) {
    for (Elf_Scn* section = nullptr; (section = ::elf_nextscn(elf, section)) != nullptr;) {
      GElf_Shdr header;
      if (::gelf_getshdr(section, &header) != nullptr && header.sh_type == table) {
        AppendSymbols(elf, section, header, budget, entries);
        complete = complete || table == SHT_SYMTAB;
      }
    }
  }
  // Functions in assembly may have no size. Where all symbols are there it is known which one comes next; in a stripped
  // file much else may lie in between.
  if (!complete)
    std::erase_if(entries, [](const SymbolIndex::Entry& entry) { return entry.function && entry.size == 0; });
  return SymbolIndex(std::move(entries));
}

std::optional<ElfImage::Symbol> AsSymbol(const SymbolIndex::Entry* entry) {
  if (entry == nullptr) return std::nullopt;
  return ElfImage::Symbol{entry->name(), entry->address, entry->size};
}

/// A file as it was when it was opened: written to or replaced since, it is another one. The words are those of
/// stat(2): device, inode, size, and the times of the last write and of the last change of any kind.
using FileVersion = std::array<std::int64_t, 7>;

std::optional<FileVersion> VersionOf(const UniqueFd& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return std::nullopt;
  return FileVersion{static_cast<std::int64_t>(status.st_dev),
                     static_cast<std::int64_t>(status.st_ino),
                     status.st_size,
                     status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec,
                     status.st_ctim.tv_sec,
                     status.st_ctim.tv_nsec};
}

/// The images that somebody holds, so that processes share what they have in common, a C library above all.
class OpenImages {
 public:
  static OpenImages& All() {
    static OpenImages all;
    return all;
  }

  std::shared_ptr<const ElfImage> Find(const FileVersion& version) {
    const std::lock_guard lock(mutex_);
    const auto found = images_.find(version);
    return found == images_.end() ? nullptr : found->second.lock();
  }

  void Add(const FileVersion& version, const std::shared_ptr<const ElfImage>& image) {
    const std::lock_guard lock(mutex_);
    std::erase_if(images_, [](const auto& entry) { return entry.second.expired(); });
    images_[version] = image;
  }

 private:
  std::mutex mutex_;
  std::map<FileVersion, std::weak_ptr<const ElfImage>> images_;
};

}  // namespace

struct ElfImage::State {
  std::vector<std::byte> copy;                // one of these two
  std::optional<attach::MappedFile> mapping;  // holds `bytes`
  std::span<std::byte> bytes;
  std::uint64_t entry = 0;
  std::vector<Segment> segments;
  std::optional<std::uint64_t> unwind_index;

  std::mutex mutex;  // over what follows
  ElfHandle elf;
  std::optional<SymbolIndex> symbols;

  SymbolIndex& Symbols() {
    if (!symbols) symbols = ReadSymbols(elf.get());
    return *symbols;
  }
  void ReadSegments();
};

void ElfImage::State::ReadSegments() {
  std::size_t count = 0;
  if (::elf_getphdrnum(elf.get(), &count) != 0) return;
  for (std::size_t i = 0; i < std::min(count, kMaxProgramHeaders); ++i) {
    GElf_Phdr header;
    if (::gelf_getphdr(elf.get(), static_cast<int>(i), &header) == nullptr) return;
    if (header.p_type == PT_GNU_EH_FRAME) unwind_index = header.p_vaddr;
    if (header.p_type != PT_LOAD) continue;
    segments.push_back({.address = header.p_vaddr,
                        .file_offset = header.p_offset,
                        .file_size = header.p_filesz,
                        .memory_size = header.p_memsz,
                        .executable = (header.p_flags & PF_X) != 0,
                        .writable = (header.p_flags & PF_W) != 0});
  }
}

ElfImage::ElfImage(std::unique_ptr<State> state) : state_(std::move(state)) {}
ElfImage::~ElfImage() = default;

Result<std::shared_ptr<const ElfImage>> ElfImage::Open(UniqueFd file) {
  const auto version = VersionOf(file);
  if (version) {
    if (auto open = OpenImages::All().Find(*version)) return open;
  }
  auto mapping = attach::MappedFile::Map(std::move(file));
  if (!mapping) return std::move(mapping).error();
  auto state = std::make_unique<State>();
  state->mapping.emplace(*std::move(mapping));
  state->bytes = state->mapping->bytes();
  auto image = Read(std::move(state));
  if (image && version) OpenImages::All().Add(*version, *image);
  return image;
}

Result<std::shared_ptr<const ElfImage>> ElfImage::FromBytes(std::vector<std::byte> bytes) {
  auto state = std::make_unique<State>();
  state->copy = std::move(bytes);
  state->bytes = state->copy;
  return Read(std::move(state));
}

Result<std::shared_ptr<const ElfImage>> ElfImage::Read(std::unique_ptr<State> state) {
  ::elf_version(EV_CURRENT);
  // libelf takes text; the image is bytes to everybody else.
  state->elf.reset(::elf_memory(reinterpret_cast<char*>(state->bytes.data()), state->bytes.size()));
  if (!state->elf || ::elf_kind(state->elf.get()) != ELF_K_ELF) return Error{ErrorCode::kCorrupt, "not an ELF file"};
  GElf_Ehdr header;
  if (::gelf_getehdr(state->elf.get(), &header) == nullptr) return Error{ErrorCode::kCorrupt, ::elf_errmsg(-1)};
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return Error{ErrorCode::kWrongArchitecture, "not a 64-bit little-endian ELF file"};
  }
  state->entry = header.e_entry;
  state->ReadSegments();
  return std::shared_ptr<const ElfImage>(new ElfImage(std::move(state)));
}

std::span<const std::byte> ElfImage::bytes() const { return state_->bytes; }
const std::vector<ElfImage::Segment>& ElfImage::segments() const { return state_->segments; }
std::uint64_t ElfImage::entry() const { return state_->entry; }
std::optional<std::uint64_t> ElfImage::unwind_index() const { return state_->unwind_index; }

std::optional<ElfImage::Section> ElfImage::FindSection(std::string_view name) const {
  const std::lock_guard lock(state_->mutex);
  Elf* const elf = state_->elf.get();
  std::size_t names = 0;
  if (::elf_getshdrstrndx(elf, &names) != 0) return std::nullopt;
  for (Elf_Scn* section = nullptr; (section = ::elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (::gelf_getshdr(section, &header) == nullptr) continue;
    const char* const found = ::elf_strptr(elf, names, header.sh_name);
    if (found == nullptr || name != found) continue;
    if (header.sh_type == SHT_NOBITS) return Section{header.sh_addr, {}};
    if (header.sh_offset > bytes().size() || header.sh_size > bytes().size() - header.sh_offset) return std::nullopt;
    return Section{header.sh_addr, bytes().subspan(header.sh_offset, header.sh_size)};
  }
  return std::nullopt;
}

std::optional<ElfImage::Symbol> ElfImage::FindSymbol(std::string_view name) const {
  const std::lock_guard lock(state_->mutex);
  return AsSymbol(state_->Symbols().FindByName(name));
}

std::optional<ElfImage::Symbol> ElfImage::FunctionAt(std::uint64_t address) const {
  // A function without a size, such as _fini, reaches as far as the next one, but not out of the image.
  const auto holds = [address](const Segment& segment) { return address - segment.address < segment.memory_size; };
  if (std::ranges::none_of(segments(), holds)) return std::nullopt;
  const std::lock_guard lock(state_->mutex);
  return AsSymbol(state_->Symbols().FunctionAt(address));
}

bool ElfImage::HasCompressedSections() const {
  const std::lock_guard lock(state_->mutex);
  for (Elf_Scn* section = nullptr; (section = ::elf_nextscn(state_->elf.get(), section)) != nullptr;) {
    GElf_Shdr header;
    if (::gelf_getshdr(section, &header) != nullptr && (header.sh_flags & SHF_COMPRESSED) != 0) return true;
  }
  return false;
}

std::string ElfImage::build_id_hex() const {
  const std::lock_guard lock(state_->mutex);
  const void* note = nullptr;
  const ssize_t size = std::min(::dwelf_elf_gnu_build_id(state_->elf.get(), &note), kLongestBuildId);
  std::string text;
  for (ssize_t i = 0; i < size; ++i) text += fmt::format("{:02x}", static_cast<const unsigned char*>(note)[i]);
  return text;
}

std::span<const std::byte> ElfImage::BytesAt(std::uint64_t address) const {
  for (const Segment& segment : segments()) {
    const std::uint64_t offset = address - segment.address;  // wraps below the segment, and is then too large
    if (offset >= segment.file_size || segment.file_offset > bytes().size()) continue;
    const auto in_file = bytes().subspan(segment.file_offset);
    if (offset >= in_file.size()) continue;
    return in_file.subspan(offset, std::min<std::uint64_t>(segment.file_size - offset, in_file.size() - offset));
  }
  return {};
}

}  // namespace pyleak::symbolize
