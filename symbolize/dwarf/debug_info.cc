#include "symbolize/dwarf/debug_info.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <span>

#include "symbolize/dwarf/separate_file.h"

namespace pyleak::symbolize {
namespace {

/// The largest programs have some hundred thousand compilation units; a forged file must not cost more.
constexpr std::size_t kMaxRanges = 4'000'000;
/// Scopes that are looked at for one address, and how deep they may lie in one another.
constexpr std::size_t kMaxSteps = 1'000'000;
constexpr std::size_t kMaxNesting = 256;

struct DwflEnd {
  void operator()(Dwfl* dwfl) const { ::dwfl_end(dwfl); }
};

/// A part of a compilation unit's code. Made from the units themselves: .debug_aranges, which libdw relies on, is
/// written by GCC but not by clang.
struct UnitRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  Dwarf_Die unit{};
};

std::vector<UnitRange> RangesOfUnits(Dwarf* dwarf) {
  std::vector<UnitRange> ranges;
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die;
  Dwarf_Die split;
  std::uint8_t type = 0;
  while (::dwarf_get_units(dwarf, unit, &unit, nullptr, &type, &die, &split) == 0 && ranges.size() < kMaxRanges) {
    const bool is_split = type == DW_UT_skeleton && ::dwarf_tag(&split) == DW_TAG_compile_unit;
    Dwarf_Addr base = 0;
    Dwarf_Addr begin = 0;
    Dwarf_Addr end = 0;
    for (std::ptrdiff_t next = 0; (next = ::dwarf_ranges(&die, next, &base, &begin, &end)) > 0;) {
      if (ranges.size() < kMaxRanges && begin < end) ranges.push_back({begin, end, is_split ? split : die});
    }
  }
  std::ranges::sort(ranges, {}, &UnitRange::begin);
  return ranges;
}

bool IsFunction(int tag) { return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine; }

/// A scope that has been entered; `around`: the address is in its code.
struct Entered {
  Dwarf_Die scope;
  bool around = false;
};

/// The next scope that is not inside of `scope`, leaving those whose last one it was. False: there is none that could
/// be around the address, for one that is has been entered already.
bool GoOn(Dwarf_Die& scope, std::vector<Entered>& entered) {
  for (;;) {
    Dwarf_Die next;
    if (::dwarf_siblingof(&scope, &next) == 0) {
      scope = next;
      return true;
    }
    if (entered.empty() || entered.back().around) return false;
    scope = entered.back().scope;
    entered.pop_back();
  }
}

/// The functions around an address, inlined ones first. libdw's own dwarf_getscopes calls itself as often as a file
/// nests its scopes, goes after every forged reference, and does not look into namespaces, where clang puts functions.
std::vector<Dwarf_Die> FunctionsAround(Dwarf_Die& unit, std::uint64_t address) {
  std::vector<Dwarf_Die> functions;
  std::vector<Entered> entered;
  Dwarf_Die scope;
  if (::dwarf_child(&unit, &scope) != 0) return functions;
  for (std::size_t steps = 0; steps < kMaxSteps; ++steps) {
    const int tag = ::dwarf_tag(&scope);
    const bool around = ::dwarf_haspc(&scope, address) > 0;
    if (around && IsFunction(tag)) functions.push_back(scope);
    Dwarf_Die inner;
    const bool enter = (around || tag == DW_TAG_namespace) && entered.size() < kMaxNesting;
    if (enter && ::dwarf_child(&scope, &inner) == 0) {
      entered.push_back({scope, around});
      scope = inner;
    } else if (around || !GoOn(scope, entered)) {
      break;
    }
  }
  std::ranges::reverse(functions);
  return functions;
}

std::string TextOf(Dwarf_Die& die, unsigned attribute_name) {
  Dwarf_Attribute attribute;
  const char* const text = ::dwarf_formstring(::dwarf_attr_integrate(&die, attribute_name, &attribute));
  return text == nullptr ? std::string() : text;
}

std::string FunctionName(Dwarf_Die& function) {
  for (const unsigned attribute : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name}) {
    if (std::string name = TextOf(function, attribute); !name.empty()) return name;
  }
  return {};
}

std::optional<Dwarf_Word> NumberOf(Dwarf_Die& die, unsigned attribute_name) {
  Dwarf_Attribute attribute;
  Dwarf_Word number = 0;
  if (::dwarf_formudata(::dwarf_attr(&die, attribute_name, &attribute), &number) != 0) return std::nullopt;
  return number;
}

/// libdw gives names that the compiler gave relative to its working directory as they are.
std::string SourcePath(Dwarf_Die& unit, const char* name) {
  if (name == nullptr || *name == '\0') return {};
  const std::string directory = *name == '/' ? std::string() : TextOf(unit, DW_AT_comp_dir);
  return directory.empty() ? name : directory + "/" + name;
}

int LineNumber(Dwarf_Word number) { return number <= INT32_MAX ? static_cast<int>(number) : 0; }

void SetLine(SourceLocation& location, Dwarf_Die& unit, std::uint64_t address) {
  Dwarf_Line* const line = ::dwarf_getsrc_die(&unit, address);
  int number = 0;
  if (line == nullptr || ::dwarf_lineno(line, &number) != 0) return;
  location.filename = SourcePath(unit, ::dwarf_linesrc(line, nullptr, nullptr));
  location.lineno = std::max(number, 0);
}

/// Where the caller was when it would have called the inlined function.
void SetCallLine(SourceLocation& location, Dwarf_Die& unit, Dwarf_Die& inlined) {
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  const auto file = NumberOf(inlined, DW_AT_call_file);
  if (file && ::dwarf_getsrcfiles(&unit, &files, &count) == 0 && *file < count) {
    location.filename = SourcePath(unit, ::dwarf_filesrc(files, *file, nullptr, nullptr));
  }
  location.lineno = LineNumber(NumberOf(inlined, DW_AT_call_line).value_or(0));
}

}  // namespace

struct DebugInfo::State {
  State(std::shared_ptr<const ElfImage> of, std::string path_in_target, attach::TargetFiles target_files)
      : image(std::move(of)), path(std::move(path_in_target)), files(std::move(target_files)) {}

  std::mutex mutex;
  std::shared_ptr<const ElfImage> image;
  std::string path;
  attach::TargetFiles files;
  std::vector<std::byte> copy;  // of an image that is to be unpacked: others have it too
  std::unique_ptr<Dwfl, DwflEnd> dwfl;
  Dwarf_Addr bias = 0;  // libdw's address minus the file's
  std::vector<UnitRange> ranges;

  void Open();
  static State& Of(void** user_data) { return *static_cast<State*>(*user_data); }
  static int FindElf(Dwfl_Module* module, void** user_data, const char* name, Dwarf_Addr base, char** path, Elf** elf);
  static int FindDebugInfo(Dwfl_Module* module, void** user_data, const char* name, Dwarf_Addr base, const char* path,
                           const char* link, GElf_Word checksum, char** found_path);
};

int DebugInfo::State::FindElf(Dwfl_Module* /*module*/, void** user_data, const char* /*name*/, Dwarf_Addr /*base*/,
                              char** path, Elf** elf) {
  State& state = Of(user_data);
  auto bytes = state.image->bytes();
  if (state.image->HasCompressedSections()) {
    state.copy.assign(bytes.begin(), bytes.end());
    bytes = state.copy;
  }
  // libelf writes to the memory only where it unpacks sections.
  *elf = ::elf_memory(const_cast<char*>(reinterpret_cast<const char*>(bytes.data())), bytes.size());
  *path = ::strdup(state.path.c_str());
  return -1;
}

/// The debug link goes no further than our own search: in our root the target could name any file with it.
int DebugInfo::State::FindDebugInfo(Dwfl_Module* module, void** user_data, const char* name, Dwarf_Addr base,
                                    const char* /*path*/, const char* /*link*/, GElf_Word /*checksum*/,
                                    char** found_path) {
  const State& state = Of(user_data);
  if (UniqueFd file = OpenSeparateDebugFile(*state.image, state.path, state.files)) return file.Release();
  return ::dwfl_standard_find_debuginfo(module, user_data, name, base, nullptr, nullptr, 0, found_path);
}

void DebugInfo::State::Open() {
  static char debug_path[] = "/usr/lib/debug";
  static char* debug_path_pointer = debug_path;
  static const Dwfl_Callbacks callbacks = {FindElf, FindDebugInfo, nullptr, &debug_path_pointer};
  if (image->segments().empty()) return;
  const auto& first = image->segments().front();
  const auto& last = image->segments().back();
  dwfl.reset(::dwfl_begin(&callbacks));
  Dwfl_Module* const module =
      ::dwfl_report_module(dwfl.get(), "image", first.address & ~std::uint64_t{0xfff}, last.address + last.memory_size);
  if (module == nullptr) return;
  void** user_data = nullptr;
  ::dwfl_module_info(module, &user_data, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  *user_data = this;
  ::dwfl_report_end(dwfl.get(), nullptr, nullptr);
  if (Dwarf* const dwarf = ::dwfl_module_getdwarf(module, &bias)) ranges = RangesOfUnits(dwarf);
}

std::shared_ptr<DebugInfo> DebugInfo::Of(const std::shared_ptr<const ElfImage>& image, const std::string& path,
                                         const attach::TargetFiles& files) {
  static std::mutex mutex;
  static std::map<const ElfImage*, std::weak_ptr<DebugInfo>> all;
  const std::lock_guard lock(mutex);
  std::erase_if(all, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<DebugInfo>& known = all[image.get()];
  auto info = known.lock();
  if (!info) known = info = std::make_shared<DebugInfo>(image, path, files);
  return info;
}

DebugInfo::DebugInfo(std::shared_ptr<const ElfImage> image, const std::string& path, const attach::TargetFiles& files)
    : state_(std::make_unique<State>(std::move(image), path, files)) {
  state_->Open();
}
DebugInfo::~DebugInfo() = default;

std::vector<SourceLocation> DebugInfo::At(std::uint64_t file_address) {
  const std::lock_guard lock(state_->mutex);
  const std::uint64_t address = file_address - state_->bias;
  const auto after = std::ranges::upper_bound(state_->ranges, address, {}, &UnitRange::begin);
  if (after == state_->ranges.begin() || address >= std::prev(after)->end) return {};
  Dwarf_Die unit = std::prev(after)->unit;
  SourceLocation location;
  SetLine(location, unit, address);
  std::vector<SourceLocation> locations;
  for (Dwarf_Die& function : FunctionsAround(unit, address)) {
    location.function = FunctionName(function);
    location.inlined = ::dwarf_tag(&function) == DW_TAG_inlined_subroutine;
    locations.push_back(std::exchange(location, {}));
    if (!locations.back().inlined) break;
    SetCallLine(location, unit, function);
  }
  if (locations.empty() && location.lineno != 0) locations.push_back(location);
  return locations;
}

}  // namespace pyleak::symbolize
