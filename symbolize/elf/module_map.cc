#include "symbolize/elf/module_map.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "attach/proc/target_files.h"

namespace pyleak::symbolize {
namespace {

using attach::Mapping;

/// ELF header, program headers and build-id lie here, so that files which agree in it are one and the same build.
constexpr std::size_t kCompareBytes = 4096;
/// The vDSO has one to four pages; a forged map line must not cost more.
constexpr std::size_t kMaxVdsoBytes = 1 << 20;

/// What the kernel's map says of a file. A replaced file has another inode, or "(deleted)" after its path.
struct FileKey {
  std::string path;
  std::uint64_t inode = 0;
  auto operator<=>(const FileKey&) const = default;
};

bool IsVdso(const Mapping& mapping) { return mapping.path == "[vdso]"; }
bool IsFile(const Mapping& mapping) { return mapping.inode != 0 && mapping.path.starts_with('/'); }
FileKey KeyOf(const Mapping& mapping) { return {mapping.path, mapping.inode}; }

/// Each bias at which the file could show through the mapping: by the segments, and not by the file's first mapping,
/// for parts of a file may be mapped twice, unmapped again, or lie apart. More than one where a segment begins in the
/// page in which another one ends: the loader maps that page for both.
std::vector<std::uint64_t> PossibleBiases(const Mapping& mapping, const ElfImage& image) {
  std::vector<std::uint64_t> biases;
  for (const ElfImage::Segment& segment : image.segments()) {
    const std::uint64_t page_offset = segment.file_offset & ~std::uint64_t{0xfff};
    const std::uint64_t end = segment.file_offset + segment.file_size;
    if (mapping.file_offset < page_offset || mapping.file_offset >= end) continue;
    if (segment.executable != mapping.executable) continue;
    biases.push_back(mapping.range.begin.value() - mapping.file_offset + segment.file_offset - segment.address);
  }
  return biases;
}

std::vector<std::tuple<AddressRange, std::string>> ExecutableParts(const attach::MemoryMap& map) {
  std::vector<std::tuple<AddressRange, std::string>> parts;
  for (const Mapping& mapping : map.mappings()) {
    if (mapping.executable) parts.emplace_back(mapping.range, mapping.path);
  }
  return parts;
}

}  // namespace

struct ModuleMap::State {
  State(const attach::ProcessIdentity& identity, const attach::MemoryReader& reader, attach::MemoryMap memory_map)
      : process(identity), files(identity), memory(reader), map(std::move(memory_map)) {
    NoteExecutables();
  }

  void NoteExecutables();
  const Module* Find(const Mapping& mapping);
  std::optional<std::uint64_t> BiasOf(const Mapping& mapping, const ElfImage& image) const;
  std::shared_ptr<const ElfImage> Image(const Mapping& mapping);
  std::shared_ptr<const ElfImage> OpenFile(const Mapping& mapping) const;
  std::shared_ptr<const ElfImage> OpenIfSame(Result<UniqueFd> file, const Mapping& mapping) const;
  std::shared_ptr<const ElfImage> ReadVdso(const Mapping& mapping) const;

  attach::ProcessIdentity process;
  attach::TargetFiles files;
  const attach::MemoryReader& memory;
  attach::MemoryMap map;
  std::set<FileKey> executables;                                        // files of which a part is mapped executable
  std::map<FileKey, std::shared_ptr<const ElfImage>> images;            // null: cannot be opened
  std::map<std::pair<const ElfImage*, std::uint64_t>, Module> modules;  // by image and bias
  std::map<RemoteAddress, const Module*> by_mapping;                    // of each mapping that was asked for
  std::vector<Module> added;
  std::uint64_t generation = 0;
};

void ModuleMap::State::NoteExecutables() {
  executables.clear();
  for (const Mapping& mapping : map.mappings()) {
    if (mapping.executable) executables.insert(KeyOf(mapping));
  }
  std::erase_if(images, [this](const auto& entry) { return !executables.contains(entry.first); });
}

const Module* ModuleMap::State::Find(const Mapping& mapping) {
  if (const auto known = by_mapping.find(mapping.range.begin); known != by_mapping.end()) return known->second;
  const Module*& found = by_mapping[mapping.range.begin];
  found = nullptr;
  const auto image = Image(mapping);
  if (!image) return nullptr;
  const auto bias = BiasOf(mapping, *image);
  if (!bias) return nullptr;
  Module& module = modules[{image.get(), *bias}];
  module.path = mapping.path;
  module.bias = *bias;
  module.image = image;
  module.ranges.push_back(mapping.range);
  std::ranges::sort(module.ranges, {}, &AddressRange::begin);
  found = &module;
  return found;
}

/// Of several possible ones that of the file's code.
std::optional<std::uint64_t> ModuleMap::State::BiasOf(const Mapping& mapping, const ElfImage& image) const {
  const auto biases = PossibleBiases(mapping, image);
  if (biases.empty()) return std::nullopt;
  if (biases.size() == 1) return biases.front();
  for (const Mapping& code : map.mappings()) {
    if (!code.executable || KeyOf(code) != KeyOf(mapping)) continue;
    for (const std::uint64_t bias : PossibleBiases(code, image)) {
      if (std::ranges::find(biases, bias) != biases.end()) return bias;
    }
  }
  return biases.front();
}

std::shared_ptr<const ElfImage> ModuleMap::State::Image(const Mapping& mapping) {
  if (!executables.contains(KeyOf(mapping)) || !(IsFile(mapping) || IsVdso(mapping))) return nullptr;
  const auto [entry, is_new] = images.try_emplace(KeyOf(mapping));
  if (is_new) entry->second = IsVdso(mapping) ? ReadVdso(mapping) : OpenFile(mapping);
  return entry->second;
}

std::shared_ptr<const ElfImage> ModuleMap::State::OpenFile(const Mapping& mapping) const {
  if (auto file = files.OpenMapped(mapping.range)) {
    auto image = ElfImage::Open(*std::move(file));
    return image ? *std::move(image) : nullptr;
  }
  if (auto image = OpenIfSame(files.Open(mapping.path), mapping)) return image;
  return OpenIfSame(attach::OpenRegularFile(mapping.path), mapping);
}

std::shared_ptr<const ElfImage> ModuleMap::State::OpenIfSame(Result<UniqueFd> file, const Mapping& mapping) const {
  if (!file) return nullptr;
  auto image = ElfImage::Open(*std::move(file));
  const auto& all = map.mappings();
  const auto first = std::ranges::find_if(
      all, [&](const Mapping& other) { return other.file_offset == 0 && KeyOf(other) == KeyOf(mapping); });
  if (!image || first == all.end()) return nullptr;
  std::array<std::byte, kCompareBytes> in_memory;
  const auto expected = (*image)->bytes().first(std::min(kCompareBytes, (*image)->bytes().size()));
  const std::size_t count = memory.Read(first->range.begin, std::span(in_memory).first(expected.size()));
  return count == expected.size() && std::ranges::equal(expected, std::span(in_memory).first(count)) ? *image : nullptr;
}

std::shared_ptr<const ElfImage> ModuleMap::State::ReadVdso(const Mapping& mapping) const {
  std::vector<std::byte> bytes(std::min<std::uint64_t>(mapping.range.size_bytes(), kMaxVdsoBytes));
  bytes.resize(memory.Read(mapping.range.begin, bytes));
  auto image = ElfImage::FromBytes(std::move(bytes));
  return image ? *std::move(image) : nullptr;
}

Result<ModuleMap> ModuleMap::Read(const attach::ProcessIdentity& process, const attach::MemoryReader& memory) {
  auto map = attach::MemoryMap::Read(process.pid());
  if (!map) return std::move(map).error();
  return Over(process, memory, *std::move(map));
}

ModuleMap ModuleMap::Over(const attach::ProcessIdentity& process, const attach::MemoryReader& memory,
                          attach::MemoryMap map) {
  return ModuleMap(std::make_unique<State>(process, memory, std::move(map)));
}

ModuleMap::ModuleMap(std::unique_ptr<State> state) : state_(std::move(state)) {}
ModuleMap::ModuleMap(ModuleMap&&) noexcept = default;
ModuleMap& ModuleMap::operator=(ModuleMap&&) noexcept = default;
ModuleMap::~ModuleMap() = default;

bool ModuleMap::Refresh() {
  auto map = attach::MemoryMap::Read(state_->process.pid());
  // A process gives its memory up before it is known to have ended.
  if (!map || map->mappings().empty() || !state_->process.StillRuns()) return false;
  const bool changed = ExecutableParts(*map) != ExecutableParts(state_->map);
  state_->map = *std::move(map);
  state_->by_mapping.clear();
  state_->modules.clear();
  state_->NoteExecutables();
  if (changed) ++state_->generation;
  return changed;
}

void ModuleMap::AddImage(AddressRange range, std::string path, std::shared_ptr<const ElfImage> image,
                         std::uint64_t bias) {
  state_->added.push_back({std::move(path), {range}, bias, std::move(image)});
  ++state_->generation;
}

const Module* ModuleMap::Find(RemoteAddress address) const {
  for (const Module& module : state_->added) {
    if (module.ranges.front().Contains(address)) return &module;
  }
  const Mapping* const mapping = state_->map.Find(address);
  return mapping == nullptr ? nullptr : state_->Find(*mapping);
}

std::vector<const Module*> ModuleMap::modules() const {
  for (const Mapping& mapping : state_->map.mappings()) static_cast<void>(state_->Find(mapping));
  std::vector<const Module*> all;
  for (const auto& [key, module] : state_->modules) all.push_back(&module);
  for (const Module& module : state_->added) all.push_back(&module);
  std::ranges::sort(all, {}, [](const Module* module) { return module->ranges.front().begin; });
  return all;
}

const attach::MemoryMap& ModuleMap::memory_map() const { return state_->map; }
std::uint64_t ModuleMap::generation() const { return state_->generation; }

}  // namespace pyleak::symbolize
