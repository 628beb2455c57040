#include "symbolize/unwind/target_view.h"

#include <algorithm>
#include <cstring>

#include "symbolize/unwind/arch/x86_64.h"

namespace pyleak::symbolize {
namespace {

/// Words that one step may read: the tables of a large function have some thousand bytes, each of which is a read. A
/// forged table can hold an expression that loops for ever, and has to end here.
constexpr std::uint32_t kMaxReadsPerStep = 100'000;
/// Bytes at the program counter that an unwinder compares with a signal trampoline and with a PLT entry.
constexpr std::uint64_t kCodeWindowBytes = 32;

}  // namespace

void TargetView::BeginStep(RemoteAddress program_counter) {
  program_counter_ = program_counter;
  reads_ = 0;
  missed_ = false;
}

std::optional<std::uint64_t> TargetView::ReadWord(RemoteAddress address) {
  if (++reads_ > kMaxReadsPerStep) {
    missed_ = true;
    return std::nullopt;
  }
  if (const auto word = snapshot_.ReadValue<std::uint64_t>(address)) return word;
  if (const auto word = ReadFile(address)) return word;
  // Anywhere else an answer would invent frames, beyond the copy's end above all. Code of a just-in-time compiler
  // cannot be read, and need not be: it is no trampoline and no PLT entry. An error would end the walk although the
  // frame pointer leads on.
  if (address - program_counter_ < kCodeWindowBytes) return 0;
  missed_ = true;
  return std::nullopt;
}

bool TargetView::IsSignalReturn(RemoteAddress program_counter) const {
  const auto code = FileBytes(program_counter);
  return code.size() >= arch::kSignalReturn.size() &&
         std::ranges::equal(code.first(arch::kSignalReturn.size()), arch::kSignalReturn);
}

std::span<const std::byte> TargetView::FileBytes(RemoteAddress address) const {
  const Module* const module = modules_.Find(address);
  return module == nullptr ? std::span<const std::byte>() : module->image->BytesAt(address.value() - module->bias);
}

/// Tables and code. Of a module's variables the file has only the initial values: they read as zero, which is enough
/// for the one use that there is, the pointer to a personality routine, which an unwinder fetches without need.
std::optional<std::uint64_t> TargetView::ReadFile(RemoteAddress address) const {
  const auto bytes = FileBytes(address);
  const attach::Mapping* const mapping = modules_.memory_map().Find(address);
  const bool variable = mapping != nullptr && mapping->writable && modules_.Find(address) != nullptr;
  if (bytes.empty() && !variable) return std::nullopt;
  std::uint64_t word = 0;
  if (!variable) std::memcpy(&word, bytes.data(), std::min(bytes.size(), sizeof word));
  return word;
}

}  // namespace pyleak::symbolize
