#include "symbolize/unwind/unwinder.h"

#include <libunwind.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "symbolize/unwind/return_address.h"
#include "symbolize/unwind/target_view.h"

extern "C" {
/// Exported by libunwind for tools like this one, but declared in no header (src/dwarf/Gfind_proc_info-lsb.c).
int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t space, unw_word_t ip, unw_dyn_info_t* table,
                                       unw_proc_info_t* info, int need_unwind_info, void* context);
}

namespace pyleak::symbolize {
namespace {

/// A copy of one MiB has room for no more frames that a compiler makes: a return address and sixteen bytes each would
/// be 43,000, but recursion that deep is told by its first frames as well.
constexpr std::size_t kMaxFrames = 8192;

TargetView& View(void* context) { return *static_cast<TargetView*>(context); }

/// The start of .eh_frame_hdr (Linux Standard Base, Core, 10.6.2). All linkers write these encodings, the only ones for
/// which the table can be searched.
struct UnwindIndexHeader {
  std::uint8_t version;         // 1
  std::uint8_t frame_encoding;  // pcrel | sdata4: 0x1b
  std::uint8_t count_encoding;  // udata4: 0x03
  std::uint8_t table_encoding;  // datarel | sdata4: 0x3b
  std::int32_t frame;
  std::uint32_t count;
};
constexpr std::size_t kIndexEntryBytes = 8;

int FindProcInfo(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t* info, int need_unwind_info, void* context) {
  const Module* const module = View(context).modules().Find(RemoteAddress(ip));
  if (module == nullptr || !module->image->unwind_index()) return -UNW_ENOINFO;
  const auto bytes = module->image->BytesAt(*module->image->unwind_index());
  UnwindIndexHeader header;
  if (bytes.size() < sizeof header) return -UNW_ENOINFO;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.version != 1 || header.frame_encoding != 0x1b || header.count_encoding != 0x03 ||
      header.table_encoding != 0x3b || header.count > (bytes.size() - sizeof header) / kIndexEntryBytes) {
    return -UNW_ENOINFO;
  }
  const auto range =
      std::ranges::find_if(module->ranges, [&](const AddressRange& r) { return r.Contains(RemoteAddress(ip)); });
  if (range == module->ranges.end()) return -UNW_ENOINFO;
  unw_dyn_info_t table{};
  table.format = UNW_INFO_FORMAT_REMOTE_TABLE;
  table.start_ip = range->begin.value();
  table.end_ip = range->end.value();
  table.u.rti.segbase = *module->image->unwind_index() + module->bias;
  table.u.rti.table_data = table.u.rti.segbase + sizeof header;
  table.u.rti.table_len = header.count * kIndexEntryBytes / sizeof(unw_word_t);
  return UNW_OBJ(dwarf_search_unwind_table)(space, ip, &table, info, need_unwind_info, context);
}

void PutUnwindInfo(unw_addr_space_t /*space*/, unw_proc_info_t* /*info*/, void* /*context*/) {}

int GetDynamicInfoList(unw_addr_space_t /*space*/, unw_word_t* /*list*/, void* /*context*/) { return -UNW_ENOINFO; }

int AccessMemory(unw_addr_space_t /*space*/, unw_word_t address, unw_word_t* value, int write, void* context) {
  if (write != 0) return -UNW_EINVAL;
  const auto word = View(context).ReadWord(RemoteAddress(address));
  if (!word) return -UNW_EINVAL;
  *value = *word;
  return 0;
}

/// libunwind numbers registers as DWARF does, and so does Registers.
int AccessRegister(unw_addr_space_t /*space*/, unw_regnum_t number, unw_word_t* value, int write, void* context) {
  const auto& registers = View(context).registers().by_dwarf_number;
  if (write != 0 || number < 0 || static_cast<std::size_t>(number) >= registers.size()) return -UNW_EBADREG;
  *value = registers[static_cast<std::size_t>(number)];
  return 0;
}

int AccessFloatRegister(unw_addr_space_t /*space*/, unw_regnum_t /*number*/, unw_fpreg_t* /*value*/, int /*write*/,
                        void* /*context*/) {
  return -UNW_EBADREG;
}

int Resume(unw_addr_space_t /*space*/, unw_cursor_t* /*cursor*/, void* /*context*/) { return -UNW_EINVAL; }

int GetProcName(unw_addr_space_t /*space*/, unw_word_t /*ip*/, char* /*name*/, std::size_t /*size*/,
                unw_word_t* /*offset*/, void* /*context*/) {
  return -UNW_EUNSPEC;
}

unw_accessors_t accessors = {FindProcInfo,        PutUnwindInfo, GetDynamicInfoList, AccessMemory, AccessRegister,
                             AccessFloatRegister, Resume,        GetProcName};

std::uint64_t RegisterOf(unw_cursor_t& cursor, int number) {
  unw_word_t value = 0;
  return unw_get_reg(&cursor, number, &value) == 0 ? value : 0;
}

}  // namespace

/// libunwind's cache of unwind rules, kept from stack to stack.
class Unwinder::AddressSpace {
 public:
  explicit AddressSpace(const ModuleMap& modules)
      : modules_(modules), generation_(modules.generation()), space_(unw_create_addr_space(&accessors, 0)) {
    unw_set_caching_policy(space_, UNW_CACHE_GLOBAL);
  }
  ~AddressSpace() { unw_destroy_addr_space(space_); }
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

  RawStack Unwind(const attach::StackSnapshot& snapshot) {
    if (generation_ != modules_.generation()) unw_flush_cache(space_, 0, 0);
    generation_ = modules_.generation();
    TargetView view(modules_, snapshot);
    unw_cursor_t cursor;
    RawStack stack;
    if (unw_init_remote(&cursor, space_, &view) != 0) {
      stack.frames.push_back(
          {snapshot.registers().program_counter(), snapshot.registers().stack_pointer(), true, false});
      stack.incomplete = "the innermost frame could not be unwound";
      return stack;
    }
    Walk(cursor, view, stack);
    return stack;
  }

 private:
  void Walk(unw_cursor_t& cursor, TargetView& view, RawStack& stack) const;
  /// From a frame in a module without unwind tables, of which libunwind would follow a frame pointer that none keeps.
  bool GoToGuessedCaller(unw_cursor_t& cursor, TargetView& view, RawStack& stack) const;
  [[nodiscard]] bool IsFirstFunction(unw_cursor_t& cursor, const TargetView& view) const;
  [[nodiscard]] std::string WhyLost(RemoteAddress program_counter, const TargetView& view) const;

  const ModuleMap& modules_;
  std::uint64_t generation_;
  unw_addr_space_t space_;
};

void Unwinder::AddressSpace::Walk(unw_cursor_t& cursor, TargetView& view, RawStack& stack) const {
  bool interrupted = true;  // by us; further out by a signal
  while (stack.frames.size() < kMaxFrames) {
    RawFrame frame{RemoteAddress(RegisterOf(cursor, UNW_REG_IP)), RemoteAddress(RegisterOf(cursor, UNW_REG_SP)),
                   interrupted, false};
    // A signal handler may run on a stack of its own, anywhere; all other callers lie further up.
    if (!interrupted && frame.stack_pointer <= stack.frames.back().stack_pointer) {
      stack.incomplete = "the stack is damaged, or was read while it changed";
      return;
    }
    view.BeginStep(frame.program_counter);
    frame.signal_return = interrupted = view.IsSignalReturn(frame.program_counter);
    frame.exact = frame.exact || interrupted;  // nothing calls a signal trampoline: the handler returns to its start
    stack.frames.push_back(frame);
    unw_cursor_t here = cursor;
    if (!interrupted && GoToGuessedCaller(cursor, view, stack)) continue;
    const int step = unw_step(&cursor);
    if (step > 0) continue;
    stack.complete = step == 0 && !view.missed() && IsFirstFunction(here, view);
    if (!stack.complete) stack.incomplete = WhyLost(frame.program_counter, view);
    return;
  }
  stack.incomplete = "only the innermost " + std::to_string(kMaxFrames) + " frames are shown";
}

bool Unwinder::AddressSpace::GoToGuessedCaller(unw_cursor_t& cursor, TargetView& view, RawStack& stack) const {
  const RawFrame& frame = stack.frames.back();
  const Module* const module = modules_.Find(frame.program_counter);
  if (module == nullptr || !HasNoTables(*module)) return false;
  const auto slot = FindReturnAddress(modules_, view.snapshot(), frame.program_counter, frame.stack_pointer);
  if (!slot) return false;
  stack.guessed = module->path;
  auto& registers = view.registers().by_dwarf_number;
  for (std::size_t i = 0; i < registers.size(); ++i) registers[i] = RegisterOf(cursor, static_cast<int>(i));
  registers[attach::Registers::kProgramCounter] = *view.snapshot().ReadValue<std::uint64_t>(*slot);
  registers[attach::Registers::kStackPointer] = (*slot + sizeof(std::uint64_t)).value();
  return unw_init_remote(&cursor, space_, &view) == 0;
}

/// libunwind also reports the end when it guessed a frame pointer and found it wrong. The end is certain where the
/// tables say that there is no caller, and where the frame pointer is zero in code that has no tables, which is how the
/// x86-64 psABI (3.4.1) marks the outermost frame.
bool Unwinder::AddressSpace::IsFirstFunction(unw_cursor_t& cursor, const TargetView& view) const {
  unw_proc_info_t info;
  if (unw_get_proc_info(&cursor, &info) == 0) return true;
  const RemoteAddress pc(RegisterOf(cursor, UNW_REG_IP));
  return view.modules().Find(pc) != nullptr && RegisterOf(cursor, attach::Registers::kFramePointer) == 0;
}

std::string Unwinder::AddressSpace::WhyLost(RemoteAddress program_counter, const TargetView& view) const {
  const Module* const module = view.modules().Find(program_counter);
  if (module == nullptr) return "code that belongs to no file (made at run time) hides its callers";
  if (view.missed() && !HasNoTables(*module)) return "the rest of the stack was not copied";
  return "no usable unwind information in " + module->path;
}

Unwinder::Unwinder(const ModuleMap& modules) : space_(std::make_unique<AddressSpace>(modules)) {}
Unwinder::~Unwinder() = default;

RawStack Unwinder::Unwind(const attach::StackSnapshot& snapshot) { return space_->Unwind(snapshot); }

}  // namespace pyleak::symbolize
