#include "symbolize/elf/symbol_index.h"

#include <elf.h>

#include <algorithm>
#include <tuple>

namespace pyleak::symbolize {
namespace {

std::size_t LeadingUnderscores(std::string_view name) { return std::min(name.find_first_not_of('_'), name.size()); }

/// Of several names for one function: that of its users before the internal one (`poll`, not `__poll`), a global before
/// a weak and a local one, one with a size before one without.
auto Preference(const SymbolIndex::Entry& entry) {
  const int binding = entry.binding == STB_GLOBAL ? 0 : entry.binding == STB_WEAK ? 1 : 2;
  return std::tuple(entry.size == 0, LeadingUnderscores(entry.name()), binding);
}

/// By address, and by preference where two share one; only then are their names read.
bool IsBefore(const SymbolIndex::Entry& left, const SymbolIndex::Entry& right) {
  return left.address != right.address ? left.address < right.address : Preference(left) < Preference(right);
}

}  // namespace

const SymbolIndex::Entry* SymbolIndex::FindByName(std::string_view name) const {
  const auto found = std::ranges::find(entries_, name, &Entry::name);
  return found == entries_.end() ? nullptr : &*found;
}

const SymbolIndex::Entry* SymbolIndex::FunctionAt(std::uint64_t address) {
  SortByAddress();
  const auto after =
      std::ranges::upper_bound(by_address_, address, {}, [this](std::uint32_t i) { return entries_[i].address; });
  if (after == by_address_.begin()) return nullptr;
  const Entry& candidate = entries_[*std::prev(after)];
  if (candidate.size != 0 && address - candidate.address >= candidate.size) return nullptr;
  return &candidate;
}

void SymbolIndex::SortByAddress() {
  if (sorted_by_address_) return;
  sorted_by_address_ = true;
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].function) by_address_.push_back(i);
  }
  std::ranges::sort(by_address_,
                    [this](std::uint32_t i, std::uint32_t j) { return IsBefore(entries_[i], entries_[j]); });
  const auto same = [this](std::uint32_t i, std::uint32_t j) { return entries_[i].address == entries_[j].address; };
  by_address_.erase(std::unique(by_address_.begin(), by_address_.end(), same), by_address_.end());
  by_address_.shrink_to_fit();
}

}  // namespace pyleak::symbolize
