#include "symbolize/elf/symbol_index.h"

#include <elf.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace pyleak::symbolize {
namespace {

std::size_t LeadingUnderscores(std::string_view name) { return std::min(name.find_first_not_of('_'), name.size()); }

/// Of several names for one function: that of its users before the internal one (`poll`, not `__poll`), a global before
/// a weak and a local one, one with a size before one without.
auto Preference(const SymbolIndex::Entry& entry) {
  const int binding = entry.binding == STB_GLOBAL ? 0 : entry.binding == STB_WEAK ? 1 : 2;
  return std::tuple(entry.size == 0, LeadingUnderscores(entry.name()), binding);
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
  std::vector<std::pair<std::uint64_t, std::uint32_t>> functions;  // Address and number, side by side for the sort.
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].function) functions.emplace_back(entries_[i].address, i);
  }
  std::ranges::sort(functions);
  for (auto next = functions.begin(); next != functions.end();) {
    const auto others = std::find_if(next, functions.end(), [&](const auto& it) { return it.first != next->first; });
    // Names are read only where there are several.
    const auto best =
        std::ranges::min_element(next, others, {}, [this](const auto& it) { return Preference(entries_[it.second]); });
    by_address_.push_back(best->second);
    next = others;
  }
}

}  // namespace pyleak::symbolize
