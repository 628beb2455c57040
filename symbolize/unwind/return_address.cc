#include "symbolize/unwind/return_address.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "symbolize/unwind/arch/x86_64.h"

namespace pyleak::symbolize {
namespace {

/// Functions that wait or call the system have small frames.
constexpr std::uint64_t kLargestFrame = 4096;
/// From a function's beginning to where it stands; few are longer.
constexpr std::uint64_t kLargestFunction = 16384;
/// GCC and clang write tables for some 100 bytes of code each.
constexpr std::uint64_t kCodePerTable = 16384;

std::uint64_t CodeBytes(const ElfImage& image) {
  std::uint64_t bytes = 0;
  for (const ElfImage::Segment& segment : image.segments()) bytes += segment.executable ? segment.file_size : 0;
  return bytes;
}

std::span<const std::byte> CodeBefore(const ModuleMap& modules, const Module& module, RemoteAddress address) {
  const attach::Mapping* const mapping = modules.memory_map().Find(address);
  if (mapping == nullptr || !mapping->executable) return {};
  const auto code = module.image->BytesAt((address - arch::kLongestCall).value() - module.bias);
  return code.first(std::min(code.size(), arch::kLongestCall));
}

/// Through which a module calls functions of others: the procedure linkage table, in the forms that linkers give it.
bool IsImportStub(const Module& module, RemoteAddress address) {
  const std::uint64_t in_file = address.value() - module.bias;
  return std::ranges::any_of(std::array{".plt", ".plt.sec", ".plt.got"}, [&](const char* name) {
    const auto section = module.image->FindSection(name);
    return section && in_file >= section->address && in_file - section->address < section->bytes.size();
  });
}

/// Whether what is called there can be the function that stands at `program_counter`.
bool IsBeginningOf(const Module& module, RemoteAddress called, RemoteAddress program_counter) {
  const auto function = module.image->FunctionAt(program_counter.value() - module.bias);
  if (function && function->size != 0) return called.value() - module.bias == function->address;
  return called <= program_counter && program_counter - called < kLargestFunction;
}

/// A module calls itself directly, as a rule; from outside it is called through an import, by a stub or without.
bool CouldReturnTo(const ModuleMap& modules, RemoteAddress address, RemoteAddress program_counter) {
  const Module* const caller = modules.Find(address);
  const Module* const own = modules.Find(program_counter);
  const auto call = caller == nullptr ? std::nullopt : arch::CallAtEndOf(CodeBefore(modules, *caller, address));
  if (!call) return false;
  if (!call->distance) return caller != own;
  const RemoteAddress called = address + static_cast<std::uint64_t>(std::int64_t{*call->distance});
  return caller == own ? IsBeginningOf(*own, called, program_counter) : IsImportStub(*caller, called);
}

}  // namespace

bool HasNoTables(const Module& module) {
  const auto index = module.image->unwind_index();
  std::uint32_t count = 0;
  const auto bytes = index ? module.image->BytesAt(*index) : std::span<const std::byte>();
  // .eh_frame_hdr: four bytes that say how the rest is written, where .eh_frame is, and the number of its tables.
  if (bytes.size() >= 3 * sizeof count) std::memcpy(&count, &bytes[2 * sizeof count], sizeof count);
  return count < CodeBytes(*module.image) / kCodePerTable;
}

std::optional<RemoteAddress> FindReturnAddress(const ModuleMap& modules, const attach::StackSnapshot& stack,
                                               RemoteAddress program_counter, RemoteAddress stack_pointer) {
  for (std::uint64_t offset = 0; offset < kLargestFrame; offset += sizeof(std::uint64_t)) {
    const auto word = stack.ReadValue<std::uint64_t>(stack_pointer + offset);
    if (!word) return std::nullopt;
    if (CouldReturnTo(modules, RemoteAddress(*word), program_counter)) return stack_pointer + offset;
  }
  return std::nullopt;
}

}  // namespace pyleak::symbolize
